"""From the client's words to the machine's: the only bridge between the two.

`expand` follows a job word by word and knows nothing of speed. Every size becomes a number
here, and every limit on what is made is checked here, before any pixel is touched.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import singledispatch
from math import ceil, cos, radians, sin

from engine import curves
from engine.errors import OutputTooLarge, TransformationFailed
from engine.facts import Facts
from engine.formats import TRAITS
from engine.geometry import (
    Box,
    Size,
    place,
    resolve_size,
    rnd,
    scale_to_cover,
    scale_to_fit,
)
from engine.ir import (
    RGBA,
    Canvas,
    Crop,
    Decode,
    Flatten,
    Frame,
    Luma,
    Node,
    Plan,
    Premultiply,
    Resample,
    Rotate,
    Save,
    Table,
    Tint,
    ToSrgb,
    Turn,
    Unpremultiply,
)
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.options import Offset
from engine.transforms import (
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
    Resize,
    Words,
    Zoom,
)
from engine.transforms import Crop as CropWords
from engine.transforms import Rotate as RotateWords

AT_ANCHOR = Offset(0)


class Draft:
    """A plan while it is written: the nodes so far, and the frame that they come to."""

    def __init__(self, facts: Facts, limits: EngineLimits) -> None:
        self.facts = facts
        self.limits = limits
        self.nodes: list[Node] = []
        self.frame = Frame(facts.width, facts.height, facts.bands, facts.alpha, depth=facts.depth)
        self.where = "the source"

    @property
    def size(self) -> Size:
        """What the next transformation sees."""
        return self.frame.size

    def add(self, *nodes: Node) -> None:
        """Write nodes; OutputTooLarge if one makes a larger picture than the limits allow."""
        for node in nodes:
            before, self.frame = self.frame, node.frame(self.frame)
            if max(self.size) > max(before.size) or self.size.pixels > before.size.pixels:
                self.check_size(self.where)
            self.nodes.append(node)

    def resample(self, size: Size) -> None:
        """Scale, with alpha premultiplied; the same size is no work at all."""
        if size != self.size:
            self.bracketed(Resample(*size))

    def bracketed(self, node: Node) -> None:
        """Write a node that mixes pixels: transparent ones must not lend their colour."""
        before = [Premultiply()] if self.frame.alpha else []
        after = [Unpremultiply()] if node.frame(self.frame).alpha else []
        self.add(*before, node, *after)

    def check_size(self, what: str) -> None:
        """Raise OutputTooLarge if the picture has more than the limits allow."""
        checks = [
            ("max_output_side", self.limits.max_output_side, max(self.size), "pixels a side"),
            ("max_output_pixels", self.limits.max_output_pixels, self.size.pixels, "pixels"),
        ]
        for limit, allowed, found, unit in checks:
            if found > allowed:
                raise OutputTooLarge(
                    f"{what} would be too large ({self.size})", limit, allowed, found, unit
                )


def expand(job: Job, facts: Facts, limits: EngineLimits = DEFAULT_LIMITS) -> Plan:
    """Write the plan of a job, to the letter.

    Raises OutputTooLarge, and TransformationFailed for what this picture cannot take.
    """
    draft = Draft(facts, limits)
    _to_working_image(draft)
    for index, words in enumerate(job.transformations):
        draft.where = f"transformations[{index}] ({type(words).__name__.lower()})"
        write(words, draft)
    return _to_save(draft, job)


def _to_working_image(draft: Draft) -> None:
    draft.add(Decode(), ToSrgb(draft.facts.profile), Turn.of_orientation(draft.facts.orientation))


def _to_save(draft: Draft, job: Job) -> Plan:
    traits = TRAITS[job.output_format]
    if draft.frame.alpha and not traits.alpha:
        draft.add(Flatten())
    draft.check_size("the result")
    _check_format(draft, job.output_format)
    save = Save(job.output_format, max(1, int(job.quality)) if traits.lossy else 100)
    return Plan(draft.facts, tuple(draft.nodes), save)


def _check_format(draft: Draft, wanted: Format) -> None:
    allowed, found = TRAITS[wanted].max_side, max(draft.size)
    if found > allowed:
        what = f"the result would be too large for {wanted.value} ({draft.size})"
        raise OutputTooLarge(what, f"of {wanted.value} itself", allowed, found, "pixels a side")


@singledispatch
def write(words: Words, draft: Draft) -> None:
    """Write the nodes of one transformation."""
    raise NotImplementedError(type(words).__name__)


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
}


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
