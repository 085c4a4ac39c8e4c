"""Every transformation on every kind of image in every format.

Each result is held to that of the same image prepared by hand (see `kinds`), and its
size to the documented one (see `steps`). The suite takes for each kind and type one
way and one format, in turn (kinds of the same pixels share them), and the costliest type
for some kinds only; of each format it takes half of the steps. `make matrix` takes all.
"""

import io
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image

from engine import Format, Job, Output, Source, render
from engine.raster import structural_similarity
from engine.schema import KINDS as KINDS_OF_SAVING
from engine.schema import TYPES
from engine.sources import TRAITS
from tests.engine.images import Pixels, encoded, job, raster_of
from tests.engine.matrix.kinds import Kind, image, kinds
from tests.engine.matrix.steps import STEPS, Step


def ready(kind: Kind) -> bytes:
    """Return the image that was prepared by hand."""
    return encoded(np.ascontiguousarray(kind.upright))


KINDS = {kind.name: kind for kind in kinds()}
UPRIGHTS = list(dict.fromkeys(map(ready, KINDS.values())))
"""The pixels that kinds have, several of them the same."""
FORMATS = tuple(TRAITS)
MARKS = {
    name: Source.from_bytes(encoded(image(9, 6, bands)))
    for name, bands in (("mark", 3), ("translucent", 4))
}
SEARCHED = (Format.JPEG, Format.WEBP, Format.AVIF)
QUALITY = 90
RARE = {"enhance": 5}  # it looks at pixels alone and takes a quarter of all the time: each fifth
NEAR = 1.5  # mean levels that profiles may differ by, after what sharpens most


def make(source: bytes, wanted: list[tuple[Step, Format]]) -> list[Output]:
    """Carry out each step in its format; the first failure is the test's."""
    jobs = [_job(step, format_) for step, format_ in wanted]
    made = []
    for index, result in render(Source.from_bytes(source), jobs, inputs=MARKS):
        assert isinstance(result, Output), f"{wanted[index][0].name}: {result}"
        made.append(result)
    return made


def _job(step: Step, format_: Format) -> Job:
    return job(*step.transformations, format=format_.value, quality=QUALITY)


def seen(output: Output) -> Pixels:
    """Read a result by Pillow, as RGB or RGBA; its format and size must be as told."""
    with Image.open(io.BytesIO(output.data)) as image:
        assert str(image.format).lower() == output.format.value
        assert image.size == (output.width, output.height)
        assert not {"icc_profile", "exif"} & image.info.keys()
        return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def check(kind: Kind, wanted: list[tuple[Step, Format]], by_hand: list[Output]) -> None:
    """Hold a kind's results to those of the image prepared by hand."""
    for (step, format_), one, other in zip(wanted, make(kind.data, wanted), by_hand, strict=True):
        where = f"{kind.name}, {step.name}, {format_.value}"
        high, wide = kind.upright.shape[:2]
        assert (one.width, one.height) == step.size(wide, high), where
        assert one.frames == (kind.frames if TRAITS[format_].animated else 1), where
        mine, theirs = seen(one).astype(int), seen(other)
        assert mine.shape == theirs.shape, where
        difference = float(np.abs(mine - theirs).mean())
        allowed = 0 if kind.exact else step.loss if loses(format_) else NEAR
        assert difference <= allowed, f"{where}: {difference:.2f} levels"


@lru_cache
def made_by_hand(upright: bytes) -> tuple[list[tuple[Step, Format]], list[Output]]:
    """Choose a way and a format of each type, the next for other pixels, and carry them out."""
    turn = UPRIGHTS.index(upright)
    ways: dict[str, list[Step]] = {}
    for step in STEPS:
        ways.setdefault(step.type, []).append(step)
    assert set(ways) == {"", *TYPES}
    wanted = [
        (steps[turn % len(steps)], FORMATS[(turn + at) % len(FORMATS)])
        for at, (type_, steps) in enumerate(ways.items())
        if turn % RARE.get(type_, 1) == 0
    ]
    return wanted, make(upright, wanted)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_comes_out_as_if_made_ready_by_hand(name: str) -> None:
    check(KINDS[name], *made_by_hand(ready(KINDS[name])))


@pytest.mark.parametrize("name", KINDS)
def test_of_each_kind_a_quality_is_searched(name: str) -> None:
    kind = KINDS[name]
    format_ = SEARCHED[list(KINDS).index(name) % len(SEARCHED)]
    wanted = job(format=format_.value, quality="auto", min_ssim=0.9)
    ((_, made),) = render(Source.from_bytes(kind.data), [wanted])
    assert isinstance(made, Output), made
    upright = kind.upright if TRAITS[format_].alpha else on_white(kind.upright)
    least = 0.9 if kind.exact else 0.88
    assert structural_similarity(raster_of(seen(made)), raster_of(upright)) >= least


@pytest.mark.long
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", KINDS)
def test_each_kind_in_each_format(name: str, format_: Format) -> None:
    wanted = [(step, format_) for step in STEPS]
    check(KINDS[name], wanted, make(ready(KINDS[name]), wanted))


OTHERS: list[Format] = [each for each in FORMATS if each is not Format.PNG]
BESIDE_PNG = pytest.mark.parametrize("name", ["RGB", "RGBA", "1x1 RGBA"])


@BESIDE_PNG
@pytest.mark.parametrize("format_", OTHERS)
def test_each_format_shows_what_png_shows(name: str, format_: Format) -> None:
    check_beside_png(name, format_, slice(OTHERS.index(format_) % 2, None, 2))


@pytest.mark.long
@BESIDE_PNG
@pytest.mark.parametrize("format_", OTHERS)
def test_each_format_shows_of_each_step_what_png_shows(name: str, format_: Format) -> None:
    check_beside_png(name, format_, slice(None))


@lru_cache
def as_png(name: str, start: int | None, every: int | None) -> list[Pixels]:
    wanted = [(step, Format.PNG) for step in STEPS[start::every]]
    return [seen(each) for each in make(KINDS[name].data, wanted)]


def check_beside_png(name: str, format_: Format, part: slice) -> None:
    """Hold a format's results of some steps to those in PNG."""
    steps, pngs = STEPS[part], as_png(name, part.start, part.step)
    made = make(KINDS[name].data, [(step, format_) for step in steps])
    for step, output, png in zip(steps, made, pngs, strict=True):
        expected = clear_or_not(png) if format_ is Format.GIF else png
        expected = expected if TRAITS[format_].alpha else on_white(png)
        mine = seen(output)
        assert on_white(mine).shape == on_white(expected).shape
        difference = np.abs(on_white(mine).astype(float) - on_white(expected)).mean()
        lost = step.loss if loses(format_) else 0
        assert difference <= lost, f"{name}, {step.name}, {format_.value}: {difference:.2f} levels"
        if mine.shape[2] == expected.shape[2] == 4:
            assert np.abs(mine[..., 3].astype(int) - expected[..., 3]).mean() <= lost


def loses(format_: Format) -> bool:
    """Return whether a format keeps less than it is given; GIF has a palette."""
    return KINDS_OF_SAVING[format_.value]().lossy or format_ is Format.GIF


def clear_or_not(pixels: Pixels) -> Pixels:
    """Return what GIF makes of transparency."""
    made = pixels.copy()
    if made.shape[2] == 4:
        made[..., 3] = (made[..., 3] >= 128) * np.uint8(255)
    return made


def on_white(pixels: Pixels) -> Pixels:
    """Lay an image on white."""
    if pixels.shape[2] == 3:
        return pixels
    cover = pixels[..., 3:] / 255
    return np.rint(pixels[..., :3] * cover + 255 * (1 - cover)).astype(np.uint8)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_as_a_watermark(name: str) -> None:
    kind, base = KINDS[name], encoded(image(40, 30, 3))
    marks = (kind.data, ready(kind))
    one, other = (
        next(
            iter(render(Source.from_bytes(base), WATERMARK, inputs={"m": Source.from_bytes(mark)}))
        )
        for mark in marks
    )
    assert isinstance(one[1], Output)
    assert isinstance(other[1], Output)
    difference = np.abs(seen(one[1]).astype(int) - seen(other[1])).mean()
    assert difference <= (0 if kind.exact else NEAR)


WATERMARK = [job({"type": "watermark", "source": "m", "width": "80%", "height": "60%"})]
