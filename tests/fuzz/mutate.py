"""Spoiled images: one of every kind, changed by chance, the same for the same seed."""

import random
from collections.abc import Callable
from functools import cache

from msgspec import Struct

from tests.engine.images import Json
from tests.engine.matrix.steps import STEPS
from tests.engine.uploads import KINDS, TIFFS

EXTREMES = [
    b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0", b"\xff\xff", bytes(4), b"\xff" * 4,
    b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\1", b"\1\0\0\0",
]  # fmt: skip
ENDINGS = ("png", "jpg", "webp", "gif", "avif", "tif")
SEARCHED = {"jpg", "webp", "avif"}
CHANGES_OF_A_FILE = (1, 1, 1, 2, 4)


class Case(Struct, frozen=True):
    """One spoiled file, and what is asked of it."""

    seed: int
    kind: str
    data: bytes
    job: Json
    as_watermark: bool


@cache
def whole(kind: str) -> bytes:
    """Return the file that is spoiled."""
    return (KINDS | TIFFS)[kind]()


def _kinds(only: str | None) -> list[str]:
    return [kind for kind in KINDS | TIFFS if kind.split()[0] == only] if only else list(KINDS)


def case(seed: int, only: str | None = None) -> Case:
    """Return the case of a seed; `only` names the format that it is to be of."""
    chance = random.Random(seed)
    kind = chance.choice(_kinds(only))
    data = bytearray(whole(kind))
    for _ in range(chance.choice(CHANGES_OF_A_FILE)):
        chance.choice(CHANGES)(data, chance)
    as_watermark = chance.random() < 0.1
    return Case(seed, kind, bytes(data), _job(chance, as_watermark), as_watermark)


def _job(chance: random.Random, as_watermark: bool) -> Json:
    ending = chance.choice(ENDINGS)
    steps = [step.transformations for step in STEPS if not _lays_over(step.transformations)]
    words = [{"type": "watermark", "source": "mark"}] if as_watermark else chance.choice(steps)
    keep = ["copyright"] if ending != "gif" and chance.random() < 0.3 else []
    job: Json = {"destination": f"o.{ending}", "transformations": words, "keep": keep}
    if ending in SEARCHED and chance.random() < 0.2:
        job |= chance.choice([{"quality": "auto"}, {"max_bytes": 2000}])
    if chance.random() < 0.1:
        job["describe"] = ["thumbhash", "palette"]
    return job


def _lays_over(words: list[Json]) -> bool:
    return any(word["type"] == "watermark" for word in words)


def _somewhere(data: bytearray, chance: random.Random) -> int:
    """Choose a place, in the first hundred bytes as often as anywhere."""
    end = len(data) if chance.random() < 0.5 else min(len(data), 100)
    return chance.randrange(end) if end else 0


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[_somewhere(data, chance)] ^= 1 << chance.randrange(8)


def _scatter(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 20)):
        if data:
            data[_somewhere(data, chance)] = chance.randrange(256)


def _extreme(data: bytearray, chance: random.Random) -> None:
    at, extreme = _somewhere(data, chance), chance.choice(EXTREMES)
    data[at : at + len(extreme)] = extreme


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[_somewhere(data, chance) :]


def _drop(data: bytearray, chance: random.Random) -> None:
    at = _somewhere(data, chance)
    del data[at : at + chance.randint(1, 30)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    at = _somewhere(data, chance)
    data[at:at] = data[at : at + chance.randint(1, 60)] * chance.randint(1, 8)


def _insert(data: bytearray, chance: random.Random) -> None:
    at = _somewhere(data, chance)
    data[at:at] = chance.randbytes(chance.randint(1, 30))


def _zero(data: bytearray, chance: random.Random) -> None:
    at, count = _somewhere(data, chance), chance.randint(1, 40)
    data[at : at + count] = bytes(count)


def _splice(data: bytearray, chance: random.Random) -> None:
    other = whole(chance.choice(list(KINDS)))
    data[_somewhere(data, chance) :] = other[chance.randrange(len(other)) :]


def _behead(data: bytearray, chance: random.Random) -> None:
    """Give it the beginning of another format."""
    data[:16] = whole(chance.choice(list(KINDS)))[:16]


CHANGES: list[Callable[[bytearray, random.Random], None]] = [
    _flip, _scatter, _extreme, _cut, _drop, _repeat, _insert, _zero, _splice, _behead,
]  # fmt: skip
