"""The errors of the service, in one tree with those of the engine.

DarkroomError                           code, retryable (engine.errors)
├── InvalidRequest … ImageError         the errors of the engine; HTTP 400 at creation
├── HttpError                           with a status: what an HTTP client sees
│   ├── MalformedRequest        400
│   ├── Unauthorized            401
│   ├── Forbidden               403
│   │   └── ForeignService              of another service than the token
│   ├── NotFound                404
│   ├── RequestTimeout          408
│   ├── IdempotencyInFlight     409
│   ├── BodyTooLarge            413
│   ├── UnsupportedMedia        415
│   ├── IdempotencyMismatch     422
│   ├── RateLimited             429
│   ├── ClientGone              499
│   └── Unavailable             503
├── StorageError                        the customer's storage
│   ├── SourceNotFound
│   ├── StorageDenied
│   ├── StorageMisconfigured
│   ├── StorageUnavailable      retryable
│   ├── SourceDenied                    an https source
│   ├── SourceUnavailable       retryable
│   └── SourceChanged
├── HeaderTooLong                       a header longer than an explanation may read
├── RenderError                         the rendering child
│   ├── RenderTimeout
│   ├── RenderCrashed
│   ├── RenderUnavailable       retryable
│   ├── Preempted               retryable
│   ├── Stalled                 retryable
│   └── Quarantined
│       └── SourceQuarantined
├── Cancelled                           the client has cancelled the process
├── LeaseLost                           another worker has this process now
└── EmbeddedError                       a server of `darkroom dev` did not start
"""

from typing import ClassVar

from engine.errors import DarkroomError, ImageError, InvalidRequest, LimitExceeded


class HttpError(DarkroomError):
    """An error that an HTTP client sees, with a status of its own."""

    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}


class MalformedRequest(HttpError):
    """The request is not valid HTTP, or one of its lines or headers is too long."""

    status = 400
    code = "malformed_request"


class Unauthorized(HttpError):
    """The token is missing or unknown. The message is the one that existing clients know."""

    status = 401
    code = "unauthorized"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__("Invalid Secret")


class Forbidden(HttpError):
    """A valid token, used for another service or for a service that is disabled."""

    status = 403
    code = "forbidden"


class ForeignService(Forbidden):
    """A `service_id` that is not that of the token, whether there is such a service or not."""

    path = "service_id"

    def __init__(self, own: int, asked: int) -> None:
        super().__init__(f"{self.path}: expected {own}, the service of this token, got {asked}")


class NotFound(HttpError):
    """It does not exist, or belongs to another service: nothing distinguishes the two."""

    status = 404
    code = "not_found"


class RequestTimeout(HttpError):
    """A body that did not arrive in time."""

    status = 408
    code = "request_timeout"
    retryable = True


class IdempotencyInFlight(HttpError):
    """The first request with this key has not been answered yet."""

    status = 409
    code = "idempotency_in_flight"
    retryable = True


class BodyTooLarge(HttpError):
    """A request body over the limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMedia(HttpError):
    """A compressed body: rejected, so that the limit on bodies is one on what is decoded."""

    status = 415
    code = "unsupported_media"


class IdempotencyMismatch(HttpError):
    """A key that was used before, with another body."""

    status = 422
    code = "idempotency_mismatch"


class RateLimited(HttpError):
    """More jobs than the service's quota."""

    status = 429
    code = "rate_limited"
    retryable = True

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many requests: try again in {retry_after} s")
        self.retry_after = retry_after


class ClientGone(HttpError):
    """The client closed the connection before its body was complete; nobody reads the answer."""

    status = 499
    code = "client_gone"


class Unavailable(HttpError):
    """The service cannot answer now: Postgres is unavailable, or the API is shutting down."""

    status = 503
    code = "unavailable"
    retryable = True
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}  # about as long as a restart takes


class StorageError(DarkroomError):
    """The customer's storage failed."""


class SourceNotFound(StorageError):
    """Nothing is stored under the key."""

    code = "source_not_found"


class StorageDenied(StorageError):
    """The storage rejected the credentials, or the file system the access."""

    code = "storage_denied"


class StorageMisconfigured(StorageError):
    """The bucket or folder does not exist, or its URL or options are invalid."""

    code = "storage_misconfigured"


class StorageUnavailable(StorageError):
    """The storage timed out, closed the connection, or answered with an error of its own."""

    code = "storage_unavailable"
    retryable = True


class SourceDenied(StorageError):
    """The server of an https source refuses it, or may not be asked."""

    code = "source_denied"


class SourceUnavailable(StorageError):
    """The server of an https source did not answer, or with an error of its own."""

    code = "source_unavailable"
    retryable = True


class SourceChanged(StorageError):
    """The source was written to or cut off while it was read: nothing certain can be made of it."""

    code = "source_changed"


class HeaderTooLong(LimitExceeded):
    """A header that is longer than what may be read for one explanation."""


class RenderError(DarkroomError):
    """The rendering child failed, rather than the image."""


class RenderTimeout(RenderError):
    """Rendering took longer than its deadline; the child was replaced."""

    code = "timeout"


class RenderCrashed(RenderError):
    """The child died (a signal, or out of memory) and was replaced."""

    code = "render_crashed"
    retryable = True

    def __init__(self, message: str, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid
        """The child's process id, 0 for a child that lives on."""


class RenderUnavailable(RenderError):
    """No child can be started, or the worker is shutting down: not the fault of the work."""

    code = "render_unavailable"
    retryable = True


class Preempted(RenderError):
    """It was taken for quick and is slow, while all slots have slow work: it waits for its turn."""

    code = "preempted"
    retryable = True


class Stalled(RenderError):
    """Nothing has happened with a process for longer than it may take altogether."""

    code = "stalled"
    retryable = True

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing has happened for {seconds:g} s: it was given up by its worker")


class Quarantined(RenderError):
    """This work has crashed too many children or workers and is not tried again."""

    code = "quarantined"


class SourceQuarantined(Quarantined):
    """This source has crashed too many children in other processes and is not tried for a while."""

    code = "source_quarantined"


class Cancelled(DarkroomError):
    """The process was cancelled before this job was done."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("the process was cancelled before this was done")


class LeaseLost(DarkroomError):
    """The lease expired and another worker may hold it: write nothing more."""

    code = "lease_lost"


class EmbeddedError(DarkroomError):
    """A server that `darkroom dev` or the tests start: its wheel is missing, or it failed."""

    code = "embedded_failed"


def http_status(error: DarkroomError) -> int:
    """The HTTP status of any error of the tree.

    Errors of images, storages and rendering are answers of `POST /explain`: 503 if they are
    transient.
    """
    if isinstance(error, HttpError):
        return error.status
    if isinstance(error, InvalidRequest):
        return 400
    if isinstance(error, SourceNotFound):
        return 404
    if isinstance(error, ImageError | StorageError | RenderError):
        return 503 if error.retryable else 422
    return 500


def place_of(error: DarkroomError) -> str:
    """Give the field of a request that an error is about, or nothing."""
    return error.path if isinstance(error, InvalidRequest | ForeignService) else ""


__all__ = [
    "BodyTooLarge",
    "Cancelled",
    "ClientGone",
    "DarkroomError",
    "EmbeddedError",
    "Forbidden",
    "ForeignService",
    "HeaderTooLong",
    "HttpError",
    "IdempotencyInFlight",
    "IdempotencyMismatch",
    "InvalidRequest",
    "LeaseLost",
    "MalformedRequest",
    "NotFound",
    "Preempted",
    "Quarantined",
    "RateLimited",
    "RenderCrashed",
    "RenderError",
    "RenderTimeout",
    "RenderUnavailable",
    "RequestTimeout",
    "SourceChanged",
    "SourceDenied",
    "SourceNotFound",
    "SourceQuarantined",
    "SourceUnavailable",
    "Stalled",
    "StorageDenied",
    "StorageError",
    "StorageMisconfigured",
    "StorageUnavailable",
    "Unauthorized",
    "Unavailable",
    "UnsupportedMedia",
    "http_status",
    "place_of",
]
