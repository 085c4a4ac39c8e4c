"""A PNG whose rows are all there is whole, whatever zlib's sum of them says, or where it ends."""

import zlib
from struct import pack
from typing import Any

import numpy as np
import pytest
import pyvips

from engine import Job, Output, Source, render
from engine.errors import SourceCorrupt
from tests.engine.images import Json, decoded, encoded, job, make, noise, pixels_of

ACCEPT: Any = {"damaged": "accept"}
PNG = encoded(noise(30, 20))
PLACE = PNG.index(b"IDAT")
DATA = PNG[PLACE + 4 : -16]
ROWS = zlib.decompress(DATA)
INTERLACED = pyvips.Image.new_from_array(noise(13, 7)).copy(interpretation="srgb")


def chunk(name: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))


def png(*data: bytes, behind: bytes = b"", end: bool = True) -> bytes:
    """Write the same file with other data of its pixels."""
    chunks = b"".join(chunk(b"IDAT", each) for each in data)
    return PNG[: PLACE - 4] + chunks + behind + chunk(b"IEND", b"") * end


def unended() -> bytes:
    deflater = zlib.compressobj()
    return deflater.compress(ROWS) + deflater.flush(zlib.Z_SYNC_FLUSH)


def spoilt() -> bytes:
    """Overwrite a pixel, and leave all sums as they were."""
    stored = zlib.compress(ROWS, 0)
    return png(stored).replace(stored, stored[:99] + bytes([stored[99] ^ 1]) + stored[100:])


def left_out() -> bytes:
    """Leave out a few pixels, so that the file's end is taken for the last ones."""
    whole = png(zlib.compress(ROWS, 0))
    return whole[:99] + whole[99 + 12 :]


WHOLE = {
    "no sum": png(DATA[:-4]),
    "half a sum": png(DATA[:-2]),
    "another sum": png(DATA[:-4] + b"odd!"),
    "no sum of several chunks": png(DATA[:9], DATA[9:-6], DATA[-6:-4]),
    "no sum and something behind": png(DATA[:-4], behind=chunk(b"tEXt", b"a\0b")),
    "no end": png(DATA, end=False),
    "nothing behind the rows": png(DATA, end=False)[:-8],
    "the last block is not called so": png(unended()),
}


@pytest.mark.parametrize("name", WHOLE)
def test_all_rows_are_a_whole_image(name: str) -> None:
    for output in (make(WHOLE[name]), make(WHOLE[name], **ACCEPT)):
        assert not output.damaged
        assert np.array_equal(decoded(output.data), pixels_of(PNG))


@pytest.mark.parametrize("options", [{}, {"bitdepth": 1}, {"bitdepth": 4, "interlace": False}])
def test_rows_are_counted_as_they_are_packed(options: Json) -> None:
    image = INTERLACED[0].copy(interpretation="b-w") if options else INTERLACED
    whole = image.pngsave_buffer(**{"interlace": True, **options})
    assert np.array_equal(decoded(make(whole[:-20]).data), pixels_of(whole))
    with pytest.raises(SourceCorrupt):
        make(whole[:-24])


LACKING = {
    "a row": png(zlib.compress(ROWS[:-1])),
    "the end of a row": png(DATA[:-12]),
    "what was written": spoilt(),
    "bytes in the midst": left_out(),
    "a part of the sum that is left": png(DATA[:-4] + b"odd!", end=False)[:-6],
}


@pytest.mark.parametrize("name", LACKING)
def test_what_is_missing_or_overwritten_is_damage(name: str) -> None:
    with pytest.raises(SourceCorrupt):
        make(LACKING[name])
    assert make(LACKING[name], **ACCEPT).damaged


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_goes_on_with_what_was_completed(threads: int) -> None:
    mark: Json = {"type": "watermark", "source": "mark.png"}
    top: Json = {"type": "crop", "width": 9, "height": 2, "gravity": "north", "fit": False}
    batch: list[Job] = [job(top), job(), job(mark), job({"type": "ulb"}), job(mark, **ACCEPT)]
    made = []
    for source in (WHOLE["no sum"], PNG):
        inputs = {"mark.png": Source.from_bytes(source)}
        results = render(Source.from_bytes(source), batch, inputs=inputs, threads=threads)
        outputs = [result for _, result in results if isinstance(result, Output)]
        made.append([(output.data, output.damaged) for output in outputs])
    assert len(made[0]) == len(batch)
    assert made[0] == made[1]
