"""The real children: the engine behind the sandbox gives what the engine gives."""

import hashlib
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import msgspec
import pytest
from PIL import Image

from engine import EngineLimits, Job, Source, parse, render
from engine import Output as Rendered
from engine.errors import (
    DarkroomError,
    InvalidRequest,
    SourceCorrupt,
    SourceTooLarge,
    UnknownFont,
)
from service.errors import RenderCrashed, RenderUnavailable
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Output, Reason, SandboxLimits, Summary, Work
from service.sandbox.protocol.limits import MIB
from tests.engine import heic_files
from tests.fonts import font_named

PHOTOS = Path(__file__).parents[2] / "data" / "photos"
SMALL = {"type": "resize", "width": 64}


class Service(Sandbox):
    """A sandbox with one real child that remembers exits and the last summary."""

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        self.exits: list[ChildExit] = []
        self.summary: Summary | None = None
        super().__init__(1, limits=limits or SandboxLimits(), on_exit=self.exits.append)

    async def make(
        self,
        source: bytes,
        *jobs: bytes,
        inputs: Mapping[str, bytes] = MappingProxyType({}),
        limits: EngineLimits | None = None,
        threads: int = 1,
    ) -> list[bytes | DarkroomError]:
        """Give the bytes of each job, or its error."""
        made: dict[int, bytes | DarkroomError] = {}
        with ExitStack() as files:
            work = Work(
                owner="",
                source=files.enter_context(_file_of(source)),
                inputs={key: files.enter_context(_file_of(data)) for key, data in inputs.items()},
                jobs=jobs,
                deadline=60,
                limits=limits or EngineLimits(),
                threads=threads,
            )
            async with self.render(work) as rendering:
                async for result in rendering:
                    made[result.index] = _read(result.outcome)
            self.summary = rendering.summary
        return [made[index] for index in range(len(jobs))]


@contextmanager
def _file_of(data: bytes) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file


def _read(outcome: Output | DarkroomError) -> bytes | DarkroomError:
    if isinstance(outcome, DarkroomError):
        return outcome
    with outcome.file as file:
        data = file.read()
    assert hashlib.sha256(data).hexdigest() == outcome.sha256
    return data


def job(ending: str, *transformations: dict[str, Any]) -> bytes:
    words = {"destination": f"out.{ending}", "transformations": transformations}
    return msgspec.json.encode(words)


def directly(source: bytes, jobs: Sequence[bytes]) -> list[bytes]:
    outcomes = render(Source.from_bytes(source), [parse(words, Job) for words in jobs])
    return [outcome.data for _, outcome in outcomes if isinstance(outcome, Rendered)]


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service() as sandbox:
        yield sandbox
        assert sandbox.exits == []


@pytest.mark.parametrize("photo", ["rocket.jpg", "chelsea.png"])
async def test_the_bytes_are_the_engine_s(service: Service, photo: str) -> None:
    source = (PHOTOS / photo).read_bytes()
    turned = {"type": "rotate", "degrees": 90}
    jobs = [job(ending, SMALL, turned) for ending in ("jpg", "png", "webp")]
    assert await service.make(source, *jobs) == directly(source, jobs)
    summary = service.summary
    assert summary is not None
    with Image.open(PHOTOS / photo) as picture:
        assert summary.source_pixels == picture.width * picture.height
    assert summary.source_format == {".jpg": "jpeg", ".png": "png"}[Path(photo).suffix]
    assert summary.decode_passes == 1  # the three share it
    assert summary.pixels_decoded == summary.source_pixels
    assert 0 < summary.plan_seconds < summary.render_seconds
    assert 10 * MIB < summary.peak_memory_bytes < 500 * MIB


async def test_heic_is_decoded_in_confinement(service: Service) -> None:
    source, jobs = heic_files.grid(4, 2), [job("jpg", SMALL), job("png", SMALL)]
    assert await service.make(source, *jobs) == directly(source, jobs)
    assert service.summary is not None
    assert service.summary.source_format == "heic"
    [spoiled] = await service.make(source[:-400], jobs[0])
    assert isinstance(spoiled, SourceCorrupt)


async def test_watermarks_arrive_and_a_missing_one_fails_its_job_alone(service: Service) -> None:
    source, mark = ((PHOTOS / name).read_bytes() for name in ("rocket.jpg", "chelsea.png"))
    marked = job("png", SMALL, {"type": "watermark", "source": "m.png", "width": 20})
    missing = job("png", {"type": "watermark", "source": "n.png", "width": 20})
    made, refused = await service.make(source, marked, missing, inputs={"m.png": mark})
    inputs = {"m.png": Source.from_bytes(mark)}
    [(_, expected)] = render(Source.from_bytes(source), [parse(marked, Job)], inputs=inputs)
    assert isinstance(expected, Rendered)
    assert made == expected.data
    assert isinstance(refused, DarkroomError)


async def test_text_is_drawn_with_the_fonts_of_the_house() -> None:
    """Although the child can read neither /etc/fonts nor a cache, nor write one; in silence."""
    source = (PHOTOS / "rocket.jpg").read_bytes()
    text = "Ω & <b>\nشلو 國 한 ☎ 😀 ऋ"
    jobs = [
        job("png", {"type": "annotation", "text": text, "font": font, "size": 40})
        for font in ("Times", "Courier Bold")
    ]
    async with Service() as sandbox:
        assert await sandbox.make(source, *jobs) == directly(source, jobs)
    assert [(end.reason, end.stderr) for end in sandbox.exits] == [(Reason.SHUTDOWN, "")]


async def test_text_is_drawn_with_the_fonts_of_the_operator(
    service: Service, tmp_path: Path
) -> None:
    source = (PHOTOS / "rocket.jpg").read_bytes()
    words = {"type": "annotation", "text": "Rag", "size": 80}
    theirs, ours = (job("png", {**words, "font": font}) for font in ("Their Own Bold", "Arial"))
    font_named(tmp_path, "Their Own", "LiberationMono-Bold.ttf")
    async with Service(SandboxLimits(fonts=str(tmp_path))) as sandbox:
        drawn, arial = await sandbox.make(source, theirs, ours)
        assert [arial] == directly(source, [ours])
        assert [drawn] == directly(source, [job("png", {**words, "font": "Courier Bold"})])
    [unknown] = await service.make(source, theirs)
    assert isinstance(unknown, UnknownFont)
    assert unknown.code == "unknown_font"


async def test_a_bad_folder_of_fonts_stops_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "a.ttf").write_text("no font")
    with pytest.raises(RenderUnavailable, match=r"UnusableFonts: .*a\.ttf: expected a font"):
        async with Service(SandboxLimits(fonts=str(tmp_path))):
            pass


async def test_a_damaged_source_is_reported_and_the_child_lives_on(service: Service) -> None:
    source = (PHOTOS / "rocket.jpg").read_bytes()
    jobs = [job("png", SMALL), job("jpg", SMALL)]
    damaged = await service.make(source[:2000], *jobs)
    assert [type(error) for error in damaged] == [SourceCorrupt, SourceCorrupt]
    assert await service.make(source, *jobs) == directly(source, jobs)


async def test_a_job_that_cannot_be_read_spoils_no_other(service: Service) -> None:
    source = (PHOTOS / "rocket.jpg").read_bytes()
    good, bad = await service.make(source, job("png", SMALL), job("png", {"type": "resice"}))
    assert [good] == directly(source, [job("png", SMALL)])
    assert isinstance(bad, InvalidRequest)
    assert (bad.code, bad.path) == ("unknown_transformation", "transformations[0].type")


async def test_the_engine_s_limits_arrive(service: Service) -> None:
    source = (PHOTOS / "rocket.jpg").read_bytes()
    limits = EngineLimits(max_source_pixels=1000)
    [error] = await service.make(source, job("png", SMALL), limits=limits)
    assert isinstance(error, SourceTooLarge)
    assert error.limit == "max_source_pixels"


async def test_mutated_files_give_answers(service: Service) -> None:
    rng = random.Random(7)
    photos = [(PHOTOS / name).read_bytes() for name in ("rocket.jpg", "chelsea.png")]
    for _ in range(40):
        mutant = bytearray(rng.choice(photos)[: rng.choice([1000, 30_000, 1 << 20])])
        for _ in range(rng.choice([1, 10, 100])):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        [answer] = await service.make(bytes(mutant), job("jpg", SMALL))
        assert isinstance(answer, bytes | DarkroomError)


async def test_a_picture_that_needs_more_memory_than_allowed_ends_its_child(
    tmp_path: Path,
) -> None:
    Image.new("RGB", (6000, 6000)).save(tmp_path / "large.png")
    source = (tmp_path / "large.png").read_bytes()
    turned = job("jpg", {"type": "rotate", "degrees": 90})
    async with Service(SandboxLimits(memory_bytes=140 * MIB)) as sandbox:
        with pytest.raises(RenderCrashed, match="ran out of memory"):
            await sandbox.make(source, turned)
        assert isinstance((await sandbox.make(source, job("jpg", SMALL)))[0], bytes)
        assert [end.reason for end in sandbox.exits] == [Reason.OUT_OF_MEMORY]


async def test_jobs_may_be_made_side_by_side(tmp_path: Path) -> None:
    """In threads that a confined child starts, and with a summary that tells of plans."""
    Image.effect_noise((2200, 1600), 60).convert("RGB").save(tmp_path / "large.jpg")
    source = (tmp_path / "large.jpg").read_bytes()
    sizes = [job("jpg", {"type": "resize", "width": width}) for width in (1500, 1000, 500)]
    async with Service() as sandbox:
        one = await sandbox.make(source, *sizes)
        assert await sandbox.make(source, *sizes, threads=3) == one
        assert sandbox.summary is not None
        assert (sandbox.summary.plans_reused, sandbox.summary.plans_made) == (1, 0)
    assert not any(isinstance(answer, DarkroomError) for answer in one)
