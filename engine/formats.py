"""What is known of each picture format without opening a file."""

from typing import NamedTuple

from engine.transforms import Format


class Traits(NamedTuple):
    """What a format can hold. `max_side` is in pixels, for width and height alike."""

    content_type: str
    alpha: bool
    lossy: bool
    max_side: int


TRAITS: dict[Format, Traits] = {
    Format.JPEG: Traits("image/jpeg", alpha=False, lossy=True, max_side=65_535),
    Format.PNG: Traits("image/png", alpha=True, lossy=False, max_side=2**31 - 1),
    Format.WEBP: Traits("image/webp", alpha=True, lossy=True, max_side=16_383),
}


def sniff(head: bytes) -> Format | None:
    """Tell a format by a file's first 12 bytes or more; None for one that is not read here."""
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    return None
