"""From the client's words to the machine's: the only bridge between the two.

`expand` follows a job word by word and knows nothing of speed. Every size becomes a number
here, and every limit on what is made is checked here, before any pixel is touched.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import singledispatch
from math import ceil, cos, radians, sin

from msgspec import UNSET

from engine.errors import DarkroomError, LimitExceeded, OutputTooLarge, TransformationFailed
from engine.expand.builder import NOTHING_MORE, Draft, Known
from engine.expand.placement import place, resolve_size, scale_to_cover, scale_to_fit
from engine.expand.text_layout import letters_of
from engine.geometry import Box, Size, rnd
from engine.ir import (
    RGBA,
    Blur,
    Canvas,
    Convolve,
    Crop,
    Decode,
    Enhance,
    Flatten,
    Layer,
    Luma,
    Node,
    Overlay,
    Plan,
    Rotate,
    Save,
    SelectiveBlur,
    Table,
    Tint,
    ToSrgb,
    Turn,
    curves,
)
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.schema import (
    Annotation,
    Brightness,
    Colorize,
    Contrast,
    Filter,
    FilterName,
    FitMethod,
    FitType,
    Flip,
    Format,
    Gravity,
    Job,
    Offset,
    Resize,
    Ulb,
    Watermark,
    Words,
    Zoom,
)
from engine.schema import Blur as BlurWords
from engine.schema import Crop as CropWords
from engine.schema import Enhance as EnhanceWords
from engine.schema import Rotate as RotateWords
from engine.sources import TRAITS, Facts

AT_ANCHOR = Offset(0)


def expand(
    job: Job, facts: Facts, limits: EngineLimits = DEFAULT_LIMITS, known: Known = NOTHING_MORE
) -> Plan:
    """Write the plan of a job, to the letter.

    Where a transformation depends on pixels that were not measured, the plan ends before it
    and awaits it. Raises LimitExceeded, TransformationFailed for what this picture cannot
    take, and the error of an input that cannot be had.
    """
    draft = Draft(facts, limits, known, "the source")
    _to_working_image(draft, facts.frames if TRAITS[job.output_format].animated else 1)
    for index, words in enumerate(job.transformations):
        if isinstance(words, Ulb) and index not in known.measured:
            return Plan(facts, tuple(draft.nodes), _save(job), awaits=index)
        draft.index = index
        draft.where = f"transformations[{index}] ({type(words).__name__.lower()})"
        write(words, draft)
    return _to_save(draft, job)


def _to_working_image(draft: Draft, pages: int = 1) -> None:
    upright = Turn.of_orientation(draft.facts.orientation)
    draft.add(Decode(pages=pages), ToSrgb(draft.facts.profile), upright)


def _to_save(draft: Draft, job: Job) -> Plan:
    traits = TRAITS[job.output_format]
    if draft.frame.alpha and not (traits.alpha and job.save_options.alpha):
        draft.add(Flatten())
    draft.check_size("the result")
    _check_format(draft, job.output_format)
    return Plan(draft.facts, tuple(draft.nodes), _save(job))


def _save(job: Job) -> Save:
    options = job.save_options
    quality = max(1, int(job.quality)) if options.lossy else 100
    return Save(job.output_format, quality, options, "copyright" in job.keep)


def _check_format(draft: Draft, wanted: Format) -> None:
    allowed, found = TRAITS[wanted].max_side, max(draft.size)
    if found > allowed:
        what = f"the result would be too large for {wanted.value} ({draft.size})"
        raise OutputTooLarge(what, f"of {wanted.value} itself", allowed, found, "pixels a side")


@singledispatch
def write(words: Words, draft: Draft) -> None:
    """Write the nodes of one transformation."""
    raise TypeError(f"no nodes are written for {type(words).__name__}")


@write.register
def _brightness(words: Brightness, draft: Draft) -> None:
    draft.add(Table((curves.add(int(words.bright_level)),) * 3))


@write.register
def _colorize(words: Colorize, draft: Draft) -> None:
    amounts = (words.red, words.green, words.blue)
    draft.add(Table(tuple(curves.add(int(amount)) for amount in amounts)))


@write.register
def _contrast(words: Contrast, draft: Draft) -> None:
    draft.add(Table((curves.contrast(int(words.level)),) * 3))


@write.register
def _filter(words: Filter, draft: Draft) -> None:
    draft.add(*FILTERS[words.filter])


FILTERS: dict[FilterName, tuple[Node, ...]] = {
    FilterName.NEGATE: (Table((curves.NEGATIVE,) * 3),),
    FilterName.GRAYSCALE: (Luma(), Tint((curves.IDENTITY,) * 3)),
    FilterName.SEPIA: (Luma(), Tint((curves.add(90), curves.add(60), curves.add(40)))),
    FilterName.BW: (Luma(), Tint((curves.threshold(128),) * 3)),
    FilterName.EDGEDETECT: (Convolve((-1, 0, -1, 0, 4, 0, -1, 0, -1), offset=127),),
    FilterName.EMBOSS: (Convolve((3, 0, 0, 0, 0, 0, 0, 0, -3), divisor=2, offset=127),),
    FilterName.BLURGAUSSIAN: (Convolve((1, 2, 1, 2, 4, 2, 1, 2, 1), divisor=16),),
    FilterName.MEANREMOVAL: (Convolve((-1, -1, -1, -1, 9, -1, -1, -1, -1)),),
    FilterName.SMOOTH: (Convolve((1, 1, 1, 1, 6, 1, 1, 1, 1), divisor=14),),
    FilterName.BLURSELECTIVE: (SelectiveBlur(),),
}


@write.register
def _blur(words: BlurWords, draft: Draft) -> None:
    radius = 0.0 if words.radius is UNSET else float(words.radius)
    sigma = radius / 2 if words.sigma is UNSET else float(words.sigma)
    if sigma > 0:
        reach = max(1, ceil(3.5 * sigma))  # what lies further out weighs less than a level
        draft.bracketed(Blur(sigma, min(reach, ceil(radius)) if radius > 0 else reach))


@write.register
def _enhance(words: EnhanceWords, draft: Draft) -> None:
    draft.add(Enhance())


@write.register
def _flip(words: Flip, draft: Draft) -> None:
    draft.add(Turn(mirror=True, quarters=0 if words.direction.sideways else 2))


@write.register
def _resize(words: Resize, draft: Draft) -> None:
    draft.resample(resolve_size(words.width, words.height, draft.size))


@write.register
def _zoom(words: Zoom, draft: Draft) -> None:
    wanted = resolve_size(words.width, words.height, draft.size)
    tenths = _zoom_tenths(words.level, wanted, draft.size)
    draft.resample(Size(wanted.width * tenths // 10, wanted.height * tenths // 10))


def _zoom_tenths(level: float, wanted: Size, image: Size) -> int:
    """Find how far the wanted size may be multiplied before pixels run out."""
    exact = max(Fraction(1), Fraction(repr(float(level))))
    tenths = ceil(exact * 2) * 5 if exact > 3 else rnd(exact * 10)
    while tenths > 10 and (
        wanted.width * tenths > image.width * 10 or wanted.height * tenths > image.height * 10
    ):
        tenths -= 5 if tenths > 30 else 1
    return tenths


@write.register
def _crop(words: CropWords, draft: Draft) -> None:
    wanted = resolve_size(words.width, words.height, draft.size)
    if words.fit:
        _crop_to_fit(words, wanted, draft)
        return
    window = place(wanted, draft.size, words.gravity, words.xoffset, words.yoffset)
    seen = window.within(draft.size)
    if seen is None:
        raise TransformationFailed(
            f"{draft.where}: crop area lies outside the image: {window} of {draft.size}"
        )
    draft.add(Crop(seen))


def _crop_to_fit(words: CropWords, wanted: Size, draft: Draft) -> None:
    """Scale down until the window is just covered, then cut it, shifted inside."""
    window = Size(min(wanted.width, draft.size.width), min(wanted.height, draft.size.height))
    draft.resample(scale_to_cover(draft.size, window))
    box = place(window, draft.size, words.gravity, words.xoffset, words.yoffset)
    draft.add(Crop(box.pushed_into(draft.size)))


@write.register
def _fitmethod(words: FitMethod, draft: Draft) -> None:
    wanted = resolve_size(words.width, words.height, draft.size)
    draft.resample(SCALED_SIZES[words.fit_type](draft.size, wanted))
    if words.fit_type is FitType.CROPBOX:
        draft.add(Crop(_anchored(wanted, draft.size, words.gravity)))
    elif words.fit_type is FitType.LETTERBOX:
        left, top, _, _ = _anchored(draft.size, wanted, words.gravity)
        draft.add(Canvas(*wanted, left, top, _fill(words)))


SCALED_SIZES: dict[FitType, Callable[[Size, Size], Size]] = {
    FitType.STRETCH: lambda image, wanted: wanted,
    FitType.BOX: scale_to_fit,
    FitType.LETTERBOX: scale_to_fit,
    FitType.OUTSIDE: scale_to_cover,
    FitType.CROPBOX: scale_to_cover,
}


def _anchored(thing: Size, area: Size, gravity: Gravity) -> Box:
    return place(thing, area, gravity, AT_ANCHOR, AT_ANCHOR)


def _fill(words: FitMethod) -> RGBA:
    """Give the fill: the colour's own alpha (255 unless written) times the opacity."""
    red, green, blue, alpha = words.color
    return red, green, blue, rnd(Fraction(repr(float(words.opacity))) * alpha / 10)


@write.register
def _rotate(words: RotateWords, draft: Draft) -> None:
    quarters, odd = divmod(float(words.degrees), 90)
    if odd == 0:
        draft.add(Turn(quarters=int(quarters) % 4))
    else:
        draft.bracketed(Rotate(float(words.degrees), *_turned_canvas(draft.size, words.degrees)))


def _turned_canvas(size: Size, degrees: float) -> Size:
    """Give the canvas that a turned picture needs, rounded to the nearest pixel."""
    across, along = abs(cos(radians(degrees))), abs(sin(radians(degrees)))
    return Size(
        max(1, rnd(size.width * across + size.height * along)),
        max(1, rnd(size.width * along + size.height * across)),
    )


@write.register
def _ulb(words: Ulb, draft: Draft) -> None:
    draft.add(Crop(draft.known.measured[draft.index]))


@write.register
def _watermark(words: Watermark, draft: Draft) -> None:
    facts = _input_facts(words.key, draft)
    mark = Draft(facts, draft.limits, draft.known, draft.where)
    _to_working_image(mark)
    mark.resample(resolve_size(words.width, words.height, mark.size, ruler=draft.size))
    box = place(mark.size, draft.size, words.gravity, words.xoffset, words.yoffset)
    draft.add(Overlay(Layer(words.key, facts, tuple(mark.nodes)), box.left, box.top))


def _input_facts(key: str, draft: Draft) -> Facts:
    found = draft.known.inputs.get(key)
    if found is None:
        raise TransformationFailed(f"{draft.where}: no picture was given for {key!r}")
    if isinstance(found, DarkroomError):
        raise found
    allowed = draft.limits.max_watermark_pixels
    if found.size.pixels > allowed:
        what = f"{draft.where}: the watermark is too large ({found.size})"
        raise LimitExceeded(what, "max_watermark_pixels", allowed, found.size.pixels, "pixels")
    return found


@write.register
def _annotation(words: Annotation, draft: Draft) -> None:
    letters = letters_of(words, draft)
    if any(line.strip() for line in letters.lines):
        size = Size(letters.width, letters.height)
        box = place(size, draft.size, words.gravity, words.xoffset, words.yoffset)
        draft.add(Overlay(letters, box.left, box.top))
