"""Counts what an SVG draws, before it is drawn: shapes as often as they are used, and filters.

An SVG is a program: `use`, patterns, masks and markers draw others again, a long line of text and
a long path take the square of their length, and filters so many nanoseconds for each pixel.
The figures are librsvg's, on one core. Not counted is how much of the canvas a shape covers, how
short its dashes are, and what lies in images within. A filter is taken to cover the canvas once,
and a part of it wherever else it is used.
"""

import re
from collections.abc import Iterator, Mapping
from pyexpat import ExpatError, ParserCreate
from typing import NamedTuple

from engine.errors import SourceCorrupt, SourceTooLarge
from engine.geometry import Size
from engine.limits import EngineLimits
from engine.sources.checks.structure import Count
from engine.sources.source import Content

NANO = 1e-9
PART_SECONDS = 80e-6  # of a shape or a letter
TILE = 2000  # pixels a side that libvips has drawn at a time, and all of the drawing for each
MOST = 10**12  # of what is added up

_PIECE = 64 * 1024  # bytes that are parsed at once
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"\s]+)")
_ELSEWHERE = {
    "defs", "symbol", "pattern", "mask", "clipPath", "marker", "filter", "linearGradient",
    "radialGradient",
}  # fmt: skip
_WORDS = {"text", "style"}  # elements whose words are drawn, or refer to others
_PATH_PART, _PATH_SQUARE = 100, 15_000_000  # characters of a path that take as long as a shape
_TEXT_SQUARE = 800  # letters without a break, squared

_AGAIN = 20  # a filter that is used again takes this part of what it takes on the whole canvas
# Nanoseconds that a primitive of a filter takes for each pixel.
_ANY_FILTER = 100
_FILTERS = {
    "feOffset": 20, "feFlood": 20, "feTile": 20, "feMerge": 20, "feGaussianBlur": 350,
    "feSpecularLighting": 150, "feDisplacementMap": 2000,
}  # fmt: skip
_OCTAVE, _MOST_OCTAVES = 100, 10  # of noise, of which librsvg makes no more
_WEIGHT = 18  # of a convolution
_AROUND, _MOST_AROUND = 12, 7000  # of each pixel around, and of all


class Drawing(NamedTuple):
    """What an SVG draws: shapes and letters, and the filters' nanoseconds for each pixel."""

    parts: int
    filtering: int

    def seconds(self, size: Size) -> float:
        """Predict the seconds that one core takes, beside what each pixel takes."""
        tiles = -(-size.width // TILE) * -(-size.height // TILE)
        return tiles * (PART_SECONDS * self.parts + NANO * self.filtering * size.pixels)


def survey(content: Content, limits: EngineLimits) -> Drawing:
    """Count what is drawn, in one pass over the file that ends at the first part too many.

    Raises SourceTooLarge, and SourceCorrupt for what is no XML.
    """
    pieces = [bytes(content[at : at + _PIECE]) for at in range(0, len(content), _PIECE)]
    tags = sum(piece.count(b"<") - piece.count(b"</") for piece in pieces)
    Count(limits).part(tags)  # some of them may be comments
    counting = _Survey(limits)
    parser = ParserCreate()
    parser.StartElementHandler = counting.start
    parser.EndElementHandler = counting.end
    parser.CharacterDataHandler = counting.write
    parser.buffer_text = True
    try:
        for piece in pieces:
            parser.Parse(piece)
        parser.Parse(b"", True)
    except (ExpatError, LookupError, ValueError) as error:  # LookupError: an unknown encoding
        raise SourceCorrupt(f"the image cannot be decoded: {error}") from None
    return counting.drawing()


def check_seconds(seconds: float, limits: EngineLimits) -> None:
    """Raise SourceTooLarge if drawing is predicted to take longer than it may."""
    allowed = limits.max_svg_seconds
    if seconds > allowed:
        message = "the source takes too long to draw"
        raise SourceTooLarge(message, "max_svg_seconds", allowed, int(seconds), "seconds")


class _Group:
    """Elements that are drawn together: the document, what has an id, or what is drawn elsewhere.

    `draws` has the groups and ids that they draw, and how often.
    """

    def __init__(self, name: str) -> None:
        self.is_filter = name == "filter"
        self.parts = self.filtering = 0
        self.draws: list[tuple[_Group | str, int]] = []


class _Survey:
    """Takes elements into groups, as a parser meets them."""

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._count = Count(limits)
        self._elements = 0
        self._document = _Group("svg")
        self._open = [self._document]
        self._ids: dict[str, _Group] = {}
        self._words = ""
        """The element whose words matter that is open, at a depth."""
        self._depth = self._letters = 0
        self._styled: set[str] = set()

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Begin an element, and perhaps a group of its own."""
        if self._letters:
            self._end_line()
        self._elements += 1
        if ":" in name:
            name = _local(name)
        if self._depth:
            self._depth += 1
        elif name in _WORDS:
            self._words, self._depth = name, 1
        group = self._open[-1]
        if "id" in attributes or name in _ELSEWHERE:
            group = self._begin_group(name, attributes.get("id"))
        self._open.append(group)
        group.parts += 1
        if name.startswith("fe"):
            group.filtering += _filtering(name, attributes)
        path = len(attributes.get("d") or attributes.get("points", ""))
        if path > _PATH_PART:
            group.parts += path // _PATH_PART + path * path // _PATH_SQUARE
        for key, value in attributes.items():
            if value.startswith("#"):
                if key.endswith("href") and name != "a":
                    group.draws.append((value[1:], 1))
            elif "url(" in value:
                often = 1 + path // 2 if "marker" in key or "marker" in value else 1
                group.draws += ((found, often) for found in _REFERENCE.findall(value))

    def end(self, _: str) -> None:
        """Leave an element."""
        if self._letters:
            self._end_line()
        self._open.pop()
        if self._depth:
            self._depth -= 1

    def write(self, words: str) -> None:
        """Count letters; note what a style refers to."""
        if self._depth and self._words == "text":
            self._letters += len(words)
            self._count.part(len(words))
        elif self._depth:
            self._styled.update(_REFERENCE.findall(words))

    def drawing(self) -> Drawing:
        """Add up what the document draws; SourceTooLarge if that is too much.

        A style may lead each element to what it refers to, so that is counted for all of them.
        """
        sums = _Sums(self._ids)
        drawn = sums.of(self._document)
        styled = [sums.of(self._ids[each]) for each in self._styled & self._ids.keys()]
        more = Drawing(*map(max, zip(*styled, strict=True))) if styled else Drawing(0, 0)
        parts = drawn.parts + self._elements * more.parts
        Count(self._limits).part(parts)
        once = sum(each.filtering for each in self._ids.values() if each.is_filter)
        return Drawing(parts, once + drawn.filtering + self._elements * more.filtering)

    def _begin_group(self, name: str, id_: str | None) -> _Group:
        """Begin a group, which is drawn here unless elsewhere; the first of an id has it."""
        group = _Group(name)
        if id_ is not None:
            self._ids.setdefault(id_, group)
        if name not in _ELSEWHERE:
            self._open[-1].draws.append((group, 1))
        return group

    def _end_line(self) -> None:
        """Count the letters since the last tag, which are laid out together."""
        letters, self._letters = self._letters, 0
        self._open[-1].parts += letters + letters * letters // _TEXT_SQUARE


class _Sums:
    """Adds up what groups draw with all that they refer to, each looked at once."""

    def __init__(self, ids: Mapping[str, _Group]) -> None:
        self._ids = ids
        self._known: dict[_Group, Drawing] = {}
        self._met: set[_Group] = set()

    def of(self, wanted: _Group) -> Drawing:
        """Give the sum of a group; one that draws itself does so no more than once."""
        if wanted not in self._known:
            self._follow(wanted)
        return self._known[wanted]

    def _follow(self, wanted: _Group) -> None:
        self._met.add(wanted)
        path = [(wanted, self._drawn_by(wanted))]
        while path:
            group, rest = path[-1]
            following = next((each for each in rest if each not in self._met), None)
            if following is None:
                path.pop()
                self._known[group] = self._sum(group)
            else:
                self._met.add(following)
                path.append((following, self._drawn_by(following)))

    def _sum(self, group: _Group) -> Drawing:
        parts = group.parts
        filtering = group.filtering // _AGAIN if group.is_filter else group.filtering
        for each, often in group.draws:
            drawn = self._group(each)
            if drawn is not None and (found := self._known.get(drawn)):
                parts += often * found.parts
                filtering += often * found.filtering
        return Drawing(min(parts, MOST), min(filtering, MOST))

    def _drawn_by(self, group: _Group) -> Iterator[_Group]:
        return (found for each, _ in group.draws if (found := self._group(each)) is not None)

    def _group(self, named: _Group | str) -> _Group | None:
        return self._ids.get(named) if isinstance(named, str) else named


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _filtering(name: str, attributes: Mapping[str, str]) -> int:
    """Predict the nanoseconds for a pixel of a filter's primitive; 0 for any other element."""
    if not name.startswith("fe") or name.startswith(("feFunc", "feMergeNode")):
        return 0
    match name:
        case "feTurbulence":
            octaves = min(_number(attributes.get("numOctaves", "1")), _MOST_OCTAVES)
            return _OCTAVE * (1 + octaves)
        case "feConvolveMatrix":
            return _ANY_FILTER + _WEIGHT * _area(attributes.get("order", "3"))
        case "feMorphology":
            around = _area(attributes.get("radius", "0"), 2)
            return _ANY_FILTER + min(_AROUND * around, _MOST_AROUND)
    return _FILTERS.get(name, _ANY_FILTER)


def _area(sides: str, times: int = 1) -> int:
    """Multiply one or two numbers, the one with itself."""
    numbers = [times * _number(each) + times - 1 for each in sides.replace(",", " ").split()[:2]]
    return numbers[0] * numbers[-1] if numbers else 0


def _number(words: str) -> int:
    try:
        return int(min(max(float(words), 0), MOST))
    except ValueError:
        return 0
