"""TIFFs of any kind, written byte by byte: samples are packed as the specification has it."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from struct import pack
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
Field = tuple[int, int, Sequence[float]]  # tag, type, numbers
BYTE, SHORT, LONG, RATIONAL, LONG8 = 1, 3, 4, 5, 16
LETTERS = {BYTE: "B", 2: "B", SHORT: "H", LONG: "I", RATIONAL: "I", LONG8: "Q"}


@dataclass(frozen=True)
class Tiff:
    """What is to be written; `samples` are the bits of each as a whole number, (h, w, n)."""

    samples: Samples
    bits: int = 8
    photometric: int = 2
    numbers: int = 1
    order: str = "<"
    planar: bool = False
    compression: int = 1
    rows: int = 7
    tile: tuple[int, int] | None = None
    extras: Sequence[int] | None = None
    big: bool = False
    ahead: bool = False  # whether the directory comes before the strips
    fields: Sequence[Field] = ()
    without: Sequence[int] = ()
    chunks: Sequence[bytes] | None = None  # in place of what is packed here

    def but(self, **changes: Any) -> "Tiff":
        """Return another that differs in something."""
        return replace(self, **changes)

    def __bytes__(self) -> bytes:
        start = 16 if self.big else 8
        chunks = [*(self._packed() if self.chunks is None else self.chunks)]
        body = b"".join(chunks)
        body += bytes(len(body) % 2)
        if self.ahead:
            room = len(self._directory(chunks, 0, start))
            return self._header(start) + self._directory(chunks, start + room, start) + body
        place = start + len(body)
        return self._header(place) + body + self._directory(chunks, start, place)

    def _fields(self, chunks: list[bytes], start: int) -> Iterator[Field]:
        height, width, count = self.samples.shape
        places = [*accumulate(map(len, chunks[:-1]), initial=start)]
        word = LONG8 if self.big else LONG
        yield 256, LONG, [width]
        yield 257, LONG, [height]
        yield 258, SHORT, [self.bits] * count
        yield 259, SHORT, [self.compression]
        yield 262, SHORT, [self.photometric]
        yield 277, SHORT, [count]
        yield 284, SHORT, [2 if self.planar else 1]
        yield 339, SHORT, [self.numbers] * count
        if self.extras is not None:
            yield 338, SHORT, self.extras
        if self.tile:
            yield 322, LONG, self.tile[:1]
            yield 323, LONG, self.tile[1:]
        else:
            yield 278, LONG, [self.rows]
        yield 324 if self.tile else 273, word, places
        yield 325 if self.tile else 279, word, [len(chunk) for chunk in chunks]

    def _packed(self) -> Iterator[bytes]:
        count = self.samples.shape[2]
        planes = [self.samples[..., [each]] for each in range(count)]
        for plane in planes if self.planar else [self.samples]:
            for chunk in self._cut(plane):
                data = packed(chunk.reshape(len(chunk), -1), self.bits, self.order)
                yield zlib.compress(data) if self.compression == 8 else data

    def _cut(self, plane: Samples) -> Iterator[Samples]:
        height, width, _ = plane.shape
        if self.tile is None:
            yield from (plane[top : top + self.rows] for top in range(0, height, self.rows))
            return
        across, down = self.tile
        filled = np.pad(plane, ((0, -height % down), (0, -width % across), (0, 0)))
        for top in range(0, height, down):
            for left in range(0, width, across):
                yield filled[top : top + down, left : left + across]

    def _header(self, place: int) -> bytes:
        mark = b"II" if self.order == "<" else b"MM"
        if self.big:
            return mark + pack(f"{self.order}HHHQ", 43, 8, 0, place)
        return mark + pack(f"{self.order}HI", 42, place)

    def _directory(self, chunks: list[bytes], start: int, place: int) -> bytes:
        """Write what tells of chunks that begin at `start`, to lie at `place`."""
        told = {field[0]: field for field in self._fields(chunks, start)}
        told |= {field[0]: field for field in self.fields}
        fields = [told[tag] for tag in sorted(told) if tag not in self.without]
        count, word, room = ("Q", "Q", 8) if self.big else ("H", "I", 4)
        head = pack(f"{self.order}{count}", len(fields))
        behind = place + len(head) + len(fields) * (4 + 2 * room) + room
        entries, tail = b"", b""
        for tag, kind, numbers in fields:
            value = pack(f"{self.order}{len(numbers)}{LETTERS[kind]}", *numbers)
            values = len(numbers) // (2 if kind == RATIONAL else 1)
            entries += pack(f"{self.order}HH{word}", tag, kind, values)
            if len(value) <= room:
                entries += value.ljust(room, b"\0")
            else:
                entries += pack(f"{self.order}{word}", behind + len(tail))
                tail += value + bytes(len(value) % 2)
        return head + entries + bytes(room) + tail


def packed(rows: Samples, bits: int, order: str) -> bytes:
    """Pack numbers in rows: whole bytes in the file's order, others upper bits first."""
    if bits in {8, 16, 32, 64}:
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    if bits % 8 == 0 and order == "<":
        places = places.reshape(-1, 8)[::-1].ravel()
    flat = (rows.astype(np.uint64)[..., None] >> places) & 1
    return np.packbits(flat.astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()


def raw(values: Samples) -> Samples:
    """Return the bits of numbers of any kind as whole numbers."""
    return values.view(f"u{values.dtype.itemsize}")


def numbers(bits: int, count: int, seed: int = 0) -> Samples:
    """Return noise of so many bits, of a size that fills no chunk."""
    made = np.random.default_rng(seed).integers(0, 2**bits, (21, 100, count), dtype=np.uint64)
    return np.asarray(made)
