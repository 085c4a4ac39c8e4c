"""The operations that are answered while the client waits: explain and preview."""

from engine.errors import SourceCorrupt
from service.api.openapi import examples
from service.api.openapi.parts import (
    access_errors,
    answer,
    body,
    body_errors,
    error_responses,
    image,
    parameter,
)
from service.api.openapi.schemas import Schema, ref
from service.errors import ForeignService, SourceNotFound, StorageUnavailable
from service.settings import Settings


def direct_paths(settings: Settings) -> Schema:
    """Describe the routes that render or plan at once."""
    return {
        "/explain": {"post": _explain(settings)},
        "/preview": {"post": _preview(settings)},
    }


def _explain(settings: Settings) -> Schema:
    explanation = answer(
        "What would be done: JSON, text or a diagram (SVG), as `Accept` selects.",
        ref("Explanation"),
        {"several jobs": examples.explanation()},
        headers=["Vary"],
    )
    for kind in ("text/plain", "image/svg+xml"):
        explanation["content"][kind] = {"schema": {"type": "string"}}
    return {
        "operationId": "explainBatch",
        "tags": ["Processes"],
        "summary": "Explain a batch",
        "description": "Takes the body of `POST /request` and validates it in the same way, but "
        "records and renders nothing: the answer shows how each job would be done, or why it would "
        "fail. Only the headers of the source and of the watermarks are read, at most "
        f"{settings.max_explain_bytes} bytes of all files together. If every job would fail, for "
        "instance because the source does not exist, the answer is an error with the code that "
        "the jobs would have.",
        "parameters": [parameter("X-Request-Id")],
        "requestBody": body("CreateProcess", examples.CREATES),
        "responses": {
            "200": explanation,
            **error_responses(
                examples.create_errors(),
                *access_errors(),
                ForeignService(1, 2),
                SourceNotFound("there is no object 'photos/shoe.jpg'"),
                *body_errors(settings),
                SourceCorrupt("the image cannot be decoded: damaged or incomplete data"),
                StorageUnavailable("the storage answered 503 SlowDown for 'photos/shoe.jpg'"),
            ),
        },
    }


def _preview(settings: Settings) -> Schema:
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
                ForeignService(1, 2),
                SourceNotFound("there is no object 'photos/shoe.jpg'"),
                *body_errors(settings),
                SourceCorrupt("the image cannot be decoded: damaged or incomplete data"),
                StorageUnavailable("the storage answered 503 SlowDown for 'photos/shoe.jpg'"),
            ),
        },
    }
