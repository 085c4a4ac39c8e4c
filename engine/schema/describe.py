"""The schema of descriptions: what a job may ask to be told of its result, and the answer."""

from typing import Annotated

from msgspec import Meta, Struct

from engine.schema.names import Names


class Describe(Names, known=("thumbhash", "blurhash", "dominant", "average", "palette")):
    """What is told of a result."""

    __slots__ = ()


Base64 = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{8,64}=*$", max_length=66)]
Base83 = Annotated[str, Meta(pattern=r"^[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]*$", max_length=64)]
Hex = Annotated[str, Meta(pattern="^#[0-9a-f]{6}$", max_length=7)]


class Description(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for; colours are absent where no pixel is visible.

    It may come from a child that is compromised, so every text has its form and its length.
    """

    thumbhash: Base64 | None = None
    blurhash: Base83 | None = None
    dominant: Hex | None = None
    average: Hex | None = None
    palette: Annotated[tuple[Hex, ...], Meta(max_length=6)] | None = None
