"""Errors of requests, images and the engine itself.

    DarkroomError
    ├── IllegalPlan               the engine's own fault: a plan that breaks a rule
    ├── UnusableFonts             the operator's fault: a folder without usable fonts
    ├── InvalidRequest            the request does not fit the schema
    │   └── UnsupportedFormat     a format this build does not read or write
    └── ImageError                the request is valid, but impossible with this image
        ├── SourceEmpty           no bytes at all
        ├── SourceCorrupt         bytes that their own decoder rejects
        ├── LimitExceeded         a limit, by name, with both numbers
        ├── BytesExceeded         no quality makes a file that is short enough
        ├── TransformationFailed  a transformation that is impossible with this image
        ├── UnknownFont           text in a font that is not installed
        └── MissingGlyph          text with a character that no font can draw

`service.errors` extends the hierarchy with errors that only occur in the service.
"""

from typing import ClassVar, Self


class DarkroomError(Exception):
    """The base class: every error that a user may see carries its own policy.

    `code` is stable and documented; `retryable` says whether the same work may
    succeed later without anybody changing anything; the message is public.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    @property
    def message(self) -> str:
        """The public message."""
        return str(self)

    def without_frames(self) -> Self:
        """Let go of the frames that it, and what led to it, was raised in, with all they hold.

        What is kept for its message alone would keep images alive, until some later collection
        of garbage closes them, in the middle of other work.
        """
        error: BaseException | None = self
        while error is not None:
            before = error.__cause__ or error.__context__
            error.__traceback__ = error.__cause__ = error.__context__ = None
            error = before
        return self


class IllegalPlan(DarkroomError):
    """A plan breaks a rule of `engine.ir.verifier`: a fault of the engine, not of its user."""


class UnusableFonts(DarkroomError):
    """A folder of fonts that does not exist, is empty, or contains an unreadable font."""


class InvalidRequest(DarkroomError):
    """A request that does not fit the schema: what was expected, where, and what was found.

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


class ImageError(DarkroomError):
    """A valid request that is impossible with this image."""


class SourceEmpty(ImageError):
    """The source has no bytes."""

    code = "source_empty"


class SourceCorrupt(ImageError):
    """The source's own decoder rejects its bytes."""

    code = "source_corrupt"


class LimitExceeded(ImageError):
    """A limit was exceeded before any work: its name and both numbers.

    `limit` is the name of the setting, so that an operator knows which one to change.
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
    """A plan whose guaranteed minimum memory exceeds the setting."""

    code = "too_much_memory"


class BytesExceeded(ImageError):
    """A result that is longer than its job allows, at the lowest quality."""

    code = "bytes_exceeded"

    def __init__(self, found: int, allowed: int) -> None:
        super().__init__(
            f"the result has {found:,} bytes at the lowest quality, max_bytes is {allowed:,}"
        )


class TransformationFailed(ImageError):
    """A transformation that is impossible with this image, such as a crop outside it."""

    code = "transformation_failed"


class UnknownFont(ImageError):
    """Text in a font that is not installed; another worker may have other fonts."""

    code = "unknown_font"


class MissingGlyph(ImageError):
    """Text with a character that no font can draw."""

    code = "missing_glyph"
