"""Wraps lines of text to a width.

Lines are broken where the main rules of Unicode's line breaking (UAX #14) allow it: after
spaces and hyphens, and beside ideographs, hangul and emoji, except before what closes and after
what opens. Languages that are written without spaces in an alphabet, such as Thai, would need a
dictionary: theirs are broken as words that are too long are, between clusters.
"""

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from engine.fonts import Face, clusters
from engine.text.measure import Faces, text_extents

SPACES = " \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u200b\u205f\u3000"
HYPHENS = "-\u2010\u2012\u2013\u2014"
OPENING, CLOSING = {"Ps", "Pi"}, {"Pe", "Pf", "Po"}
# Small kana and what repeats or lengthens a letter, which begin no line:
NO_BEGINNING = set("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶー々〻ゝゞヽヾ〜")
NO_BREAK = set("\u00a0\u2007\u202f\u2060\ufeff")
JOINER = "\u200d"
SKIN_TONES = set("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
DIRECTIONS = {"L", "R", "AL"}
LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"  # give a line that begins with one its direction


@lru_cache(maxsize=1024)
def wrapped(line: str, faces: Faces, size: float, width: int) -> tuple[str, ...]:
    """Break a line so that each part is at most so many pixels wide, spaces at its end apart.

    A cluster that is wider stands alone. Parts keep the direction of the whole.
    """

    def fits(text: str) -> bool:
        return text_extents(text, faces, size).width <= width

    parts = [part.rstrip(SPACES) for part in _parts(line, faces, fits)]
    runs_left = _runs_left(line)
    mark = RIGHT_TO_LEFT if runs_left else LEFT_TO_RIGHT
    return tuple(part if _runs_left(part) == runs_left else mark + part for part in parts)


def _parts(line: str, faces: Faces, fits: Callable[[str], bool]) -> list[str]:
    ends, parts, start, taken = break_opportunities(line), [], 0, 4

    def fits_to(count: int) -> bool:
        return fits(line[start : ends[count - 1]].rstrip(SPACES))

    while start < len(line):
        taken = _most(len(ends), max(1, taken), fits_to)
        if taken == 0:
            ends = [*_inside(line[start : ends[0]], start, faces), *ends]
            taken = max(1, _most(len(ends), 1, fits_to))
        end = ends[taken - 1]
        parts.append(line[start:end])
        start, ends = end, ends[taken:]
    return parts or [""]


def _most(available: int, guess: int, fits: Callable[[int], bool]) -> int:
    """Return the most that fit, where fewer fit as well; a guess that is near makes it quick."""
    low, high, step = 0, available + 1, 1
    at = min(guess, available)
    while high - low > 1:
        if fits(at):
            low, further = at, at + step
        else:
            high, further = at, at - step
        bracketed = low > 0 and high <= available
        at = (low + high) // 2 if bracketed else max(low + 1, min(further, high - 1))
        step *= 2
    return low


def _inside(word: str, start: int, faces: Faces) -> list[int]:
    """Return where a word may be broken that is too long: after each cluster but the last."""
    face: Face = next((face for face in faces if ord(word[0]) in face.characters), faces[0])
    ends = []
    for cluster in clusters(word.rstrip(SPACES), face)[:-1]:
        start += len(cluster)
        ends.append(start)
    return ends


def break_opportunities(line: str) -> list[int]:
    """Return where a line may be broken, its end included."""
    inner = (at for at in range(1, len(line)) if _may_break(line, at))
    return [*inner, len(line)] if line else []


def _may_break(line: str, at: int) -> bool:
    before, after = line[at - 1], line[at]
    if after in SPACES or after in NO_BREAK or before in NO_BREAK or _continues(line, at):
        return False
    if before in SPACES:
        return bool(line[:at].strip(SPACES))
    if before in HYPHENS:
        return at > 1 and line[at - 2].isalnum() and not after.isnumeric()
    if unicodedata.category(before) in OPENING or unicodedata.category(after) in CLOSING:
        return False
    base = line[_base(line, at - 1)]
    return after not in NO_BEGINNING and (_is_wide(base) or _is_wide(after))


def _continues(line: str, at: int) -> bool:
    """Return whether a character belongs to the cluster before it."""
    after = line[at]
    if _is_flag(after):  # two make one
        return _flags_before(line, at) % 2 == 1
    joined = JOINER in (line[at - 1], after)
    return joined or unicodedata.category(after)[0] == "M" or after in SKIN_TONES


def _flags_before(line: str, at: int) -> int:
    start = at
    while at > 0 and _is_flag(line[at - 1]):
        at -= 1
    return start - at


def _is_flag(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _base(line: str, at: int) -> int:
    """Return the place of the letter that marks belong to."""
    while at > 0 and (unicodedata.category(line[at])[0] == "M" or line[at] == JOINER):
        at -= 1
    return at


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F"} or _is_flag(character)


def _runs_left(text: str) -> bool:
    """Return whether text runs from right to left, by its first letter that has a direction."""
    kinds = map(unicodedata.bidirectional, text)
    return next((kind for kind in kinds if kind in DIRECTIONS), "L") != "L"
