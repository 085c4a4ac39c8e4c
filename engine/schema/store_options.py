"""Store options: headers and metadata that an object storage keeps with a result.

They become HTTP headers, so every text is bounded, printable ASCII. The bounds are those of S3.
"""

import re
from typing import Any, ClassVar, Self

from msgspec import UNSET, Struct, UnsetType

from engine.schema.scalars import Choice, InvalidField, clipped, shown

PRINTABLE = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
METADATA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MOST_METADATA = 2048  # bytes of names and values


class HeaderText(str):
    """The value of a header: words of printable ASCII, one space between two of them."""

    __slots__ = ()
    longest: ClassVar[int] = MOST_METADATA

    def __init_subclass__(cls, *, longest: int) -> None:
        cls.longest = longest

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a string that may stand in a header."""
        if isinstance(raw, str) and len(raw) <= cls.longest and PRINTABLE.fullmatch(raw):
            return cls(raw)
        raise ValueError(f"expected {cls.expected()}, got {_escaped(raw)}")

    @classmethod
    def expected(cls) -> str:
        """Describe what is accepted."""
        return f"1 to {cls.longest:,} printable ASCII characters with single spaces between them"

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        pattern = f"^{PRINTABLE.pattern}$"
        return {"type": "string", "minLength": 1, "maxLength": cls.longest, "pattern": pattern}


class CacheControl(HeaderText, longest=256):
    """A ``Cache-Control``."""


class ContentDisposition(HeaderText, longest=1024):
    """A ``Content-Disposition``."""


class Acl(
    Choice,
    choices=(
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
    ),
):
    """A canned access control list."""


class StorageClass(str):
    """The name of a storage class; servers other than Amazon's have their own."""

    __slots__ = ()
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z][A-Z0-9_]{0,63}")

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a name in capital letters."""
        if isinstance(raw, str) and cls.pattern.fullmatch(raw):
            return cls(raw)
        raise ValueError(f"expected a storage class such as STANDARD_IA, got {_escaped(raw)}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {"type": "string", "pattern": f"^{cls.pattern.pattern}$"}


class Metadata(tuple[tuple[str, str], ...]):
    """Strings by name, which are served as ``x-amz-meta-NAME``."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read an object of strings; names differ by more than their case."""
        if not isinstance(raw, dict):
            raise ValueError(f"expected an object of strings, got {shown(raw)}")  # noqa: TRY004
        found: dict[str, str] = {}
        for name, value in raw.items():
            lower = name.lower()
            if not METADATA_NAME.fullmatch(name) or lower in found:
                raise InvalidField(
                    clipped(_escaped(name).strip('"')),
                    "expected a name of its own, of at most 64 letters, digits, - and _, "
                    f"got {_escaped(name)}",
                )
            try:
                found[lower] = str(HeaderText.parse(value))
            except ValueError as error:
                raise InvalidField(name, str(error)) from None
        size = sum(len(name) + len(value) for name, value in found.items())
        if size > MOST_METADATA:
            raise ValueError(
                f"expected at most {MOST_METADATA:,} bytes of names and values, got {size:,}"
            )
        return cls(found.items())

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{METADATA_NAME.pattern}$"},
            "additionalProperties": HeaderText.schema(),
        }


class StoreOptions(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is kept with an object, beside its media type."""

    cache_control: CacheControl | UnsetType = UNSET
    content_disposition: ContentDisposition | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    acl: Acl | UnsetType = UNSET
    storage_class: StorageClass | UnsetType = UNSET

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self != NOTHING

    def over(self, defaults: "StoreOptions") -> "StoreOptions":
        """Return these, and what others say of which these say nothing."""
        if not defaults:
            return self
        given = defaults.given | self.given
        if defaults.metadata is not UNSET and self.metadata is not UNSET:
            both = dict(defaults.metadata) | dict(self.metadata)
            given["metadata"] = Metadata(both.items())
        return StoreOptions(**given)

    @property
    def given(self) -> dict[str, Any]:
        """What is asked for, by the name of its option."""
        names = self.__struct_fields__
        return {name: value for name in names if (value := getattr(self, name)) is not UNSET}


NOTHING = StoreOptions()


def _escaped(raw: object) -> str:
    """Show a value, a control character in it as its number."""
    return shown(raw.encode("unicode_escape").decode() if isinstance(raw, str) else raw)
