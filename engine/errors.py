"""What can go wrong with a picture or with the words that describe the work.

    DarkroomError
    ├── IllegalPlan               the engine's own fault: a plan that breaks a rule
    ├── UnusableFonts             the operator's fault: a folder of fonts that is none
    ├── InvalidRequest            the client's words are wrong
    │   └── UnsupportedFormat     a format this build does not read or write
    └── PictureError              the words are right, the picture is not
        ├── SourceEmpty           no bytes at all
        ├── SourceCorrupt         bytes that their own decoder rejects
        ├── LimitExceeded         a limit, by name, with both numbers
        ├── TransformationFailed  a transformation that this picture cannot take
        ├── UnknownFont           text in a font that is not here
        └── MissingGlyph          text with a character that no font here can draw

`service.errors` grows the same tree with what only the service can meet.
"""

from typing import ClassVar


class DarkroomError(Exception):
    """The root: every error that a user may see carries its own policy.

    `code` is stable and documented; `retryable` says whether the same work may
    succeed later without anybody changing anything; the message is public.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    @property
    def message(self) -> str:
        """The public words."""
        return str(self)


class IllegalPlan(DarkroomError):
    """A plan breaks a rule of `engine.spec`: a fault of the engine, not of its user."""


class UnusableFonts(DarkroomError):
    """A folder of fonts that is none, or holds what is no font."""


class InvalidRequest(DarkroomError):
    """The client's words are wrong: what was expected, where, and what came.

    `path` is the place in the request as the client would write it,
    such as ``jobs[0].transformations[2].sigma``; empty for the whole body.
    """

    code = "invalid_request"

    def __init__(self, message: str, path: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        if code is not None:
            self.code = code  # type: ignore[misc]  # narrower than the class's


class UnsupportedFormat(InvalidRequest):
    """A file or a destination in a format that is not read or written here."""

    code = "unsupported_format"


class PictureError(DarkroomError):
    """The words are right, but this picture cannot be worked on."""


class SourceEmpty(PictureError):
    """The source has no bytes."""

    code = "source_empty"


class SourceCorrupt(PictureError):
    """The source's own decoder rejects its bytes."""

    code = "source_corrupt"


class LimitExceeded(PictureError):
    """A limit was met before any work: its name and both numbers.

    `limit` is the name of the setting, so that an operator knows what to turn.
    """

    code = "limit_exceeded"

    def __init__(self, what: str, limit: str, allowed: float, found: float, unit: str) -> None:
        super().__init__(f"{what}: {found:,.10g} {unit}, the limit is {allowed:,.10g} ({limit})")
        self.limit = limit
        self.allowed = allowed
        self.found = found


class SourceTooLarge(LimitExceeded):
    """More bytes, pixels or frames than the settings allow."""

    code = "source_too_large"


class OutputTooLarge(LimitExceeded):
    """A result with more pixels, or a longer side, than the settings allow."""

    code = "output_too_large"


class NeedsTooMuchMemory(LimitExceeded):
    """A plan that takes more memory than the settings allow, whatever its pixels are."""

    code = "too_much_memory"


class TransformationFailed(PictureError):
    """A transformation that this picture cannot take, such as a crop beside it."""

    code = "transformation_failed"


class UnknownFont(PictureError):
    """Text in a font that is not here; another worker may have other fonts."""

    code = "unknown_font"


class MissingGlyph(PictureError):
    """Text with a character that no font here can draw."""

    code = "missing_glyph"
