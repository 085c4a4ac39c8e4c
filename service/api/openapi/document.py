"""The OpenAPI document: every route, its parameters and all its answers."""

from service.api.openapi.direct_operations import direct_paths
from service.api.openapi.parts import HEADERS, PARAMETERS
from service.api.openapi.preset_operations import preset_paths
from service.api.openapi.process_operations import process_paths
from service.api.openapi.schemas import Schema, build_schemas
from service.api.openapi.server_operations import server_paths
from service.settings import Settings
from service.version import version

ABOUT = """\
Transforms images in your storage, in batches.

`POST /request` creates a process from one source image and up to {max_jobs} jobs. Each job has a
list of transformations and a destination. The answer contains a `process_id`: from then on the
process is durably recorded. `GET /request/{{process_id}}` returns its status, and a `callback` URL
receives the status when the process has ended. `POST /retry` retries failed jobs. `POST /explain`
shows what a batch would do, without doing it, and `POST /preview` answers with
the result of one job. `PUT /presets/{{name}}` saves a part of jobs under a name.

Requests are authenticated with a bearer token. Every error has a `message` for people and a stable
`code` for programs; an error about one field also has its `path`. Numbers and
booleans may also be written as strings, such as `"750"` and `"true"`.
"""

TAGS = [
    {
        "name": "Processes",
        "description": "Create processes, get their status, cancel and retry them.",
    },
    {"name": "Presets", "description": "Name parts of jobs, and use them by their names."},
    {"name": "Reference", "description": "This document. Needs no token."},
    {"name": "Operations", "description": "Probes and metrics. Need no token."},
]


def build_document(settings: Settings) -> Schema:
    """Return the OpenAPI 3.1 document of an API that runs with these settings."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": version(),
            "summary": "Batch image processing.",
            "description": ABOUT.format(max_jobs=settings.max_jobs),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": TAGS,
        "security": [{"bearer": []}],
        "paths": {
            **process_paths(settings),
            **direct_paths(settings),
            **preset_paths(settings),
            **server_paths(),
        },
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of your service.",
                }
            },
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "schemas": build_schemas(settings),
        },
    }
