"""The types of items, as pi-heif can bear them."""

from engine.sources.heif.boxes import Box, boxes

_ASCII = bytes(byte if byte < 128 else ord("?") for byte in range(256))
_BEFORE_TEXT = {3: 10}  # bytes of version, flags, id and protection, by version; 8 of the others


def with_ascii_types(data: bytes) -> bytes:
    """Give a copy whose items have types, names and content types of ASCII; the same if they do.

    On a type that is no UTF-8 pi-heif ends the process.
    """
    patched = bytearray()
    for entry in _entries(data):
        start = entry.start + _BEFORE_TEXT.get(data[entry.start], 8)
        if not data[start : entry.end].isascii():
            patched = patched or bytearray(data)
            patched[start : entry.end] = data[start : entry.end].translate(_ASCII)
    return bytes(patched) or data


def _entries(data: bytes) -> list[Box]:
    """List the entries of the tables of items that are not empty."""
    metas = [box for box in boxes(data, 0, len(data)) if box.kind == b"meta"]
    tables = [
        box
        for meta in metas
        for box in boxes(data, meta.start + 4, meta.end)
        if box.kind == b"iinf" and box.start < box.end
    ]
    entries = [  # behind version, flags and a count of two bytes, or of four
        entry
        for table in tables
        for entry in boxes(data, table.start + (8 if data[table.start] else 6), table.end)
    ]
    return [entry for entry in entries if entry.kind == b"infe" and entry.start < entry.end]
