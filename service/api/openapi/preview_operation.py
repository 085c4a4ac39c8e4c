"""The operation of previews."""

from engine.errors import SourceCorrupt
from service.api.openapi import examples
from service.api.openapi.parts import (
    access_errors,
    body,
    body_errors,
    error_responses,
    image,
    parameter,
)
from service.api.openapi.schemas import Schema
from service.errors import Forbidden, SourceNotFound, StorageUnavailable
from service.settings import Settings


def preview_operation(settings: Settings) -> Schema:
    """Give the operation of `POST /preview`."""
    return {
        "operationId": "previewJob",
        "tags": ["Processes"],
        "summary": "Preview a job",
        "description": "Takes the body of `POST /request` with exactly one job, validated in "
        "the same way. The job is rendered at once, and the answer is its image; nothing is "
        "recorded or stored. The job needs no `destination` if it has a `format`. Limits are "
        f"tighter than those of a process: {settings.max_preview_bytes} bytes of the source and "
        f"the watermarks, {settings.max_preview_source_pixels} pixels of each, "
        f"{settings.max_preview_output_pixels} pixels of the result, {settings.preview_seconds:g} "
        "seconds. If the job fails, the answer is its error. 429 and 503 with `Retry-After` say "
        "that there are too many previews at once.",
        "parameters": [parameter("X-Request-Id")],
        "requestBody": body("PreviewRequest", {"a list of transformations": examples.PREVIEW}),
        "responses": {
            "200": image("The result, with the media type of its format."),
            **error_responses(
                examples.create_errors(),
                *access_errors(),
                Forbidden("This token has no access to this service"),
                SourceNotFound("there is no object 'photos/shoe.jpg'"),
                *body_errors(settings),
                SourceCorrupt("the image cannot be decoded: damaged or incomplete data"),
                StorageUnavailable("the storage answered 503 SlowDown for 'photos/shoe.jpg'"),
            ),
        },
    }
