"""The operations that need no token: the reference, the probes and the metrics."""

from service.api.openapi.parts import answer, error_responses, path_parameter, text
from service.api.openapi.schemas import Schema
from service.errors import NotFound


def server_paths() -> Schema:
    """Describe the routes that tell of the server itself."""
    return {
        "/openapi.json": {"get": _openapi()},
        "/docs": {"get": _docs()},
        "/docs/{asset}": {"get": _asset()},
        "/livez": {"get": _livez()},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _metrics()},
    }


def _openapi() -> Schema:
    return {
        "operationId": "getOpenapi",
        "tags": ["Reference"],
        "summary": "This document",
        "security": [],
        "responses": {
            "200": answer("An OpenAPI 3.1 document.", {"type": "object"}, headers=["ETag"]),
            "304": {"description": "Unchanged: `If-None-Match` names its `ETag`."},
        },
    }


def _docs() -> Schema:
    return {
        "operationId": "getDocs",
        "tags": ["Reference"],
        "summary": "This document as a page",
        "security": [],
        "responses": {"200": text("A page that loads nothing from other hosts.", "text/html")},
    }


def _asset() -> Schema:
    return {
        "operationId": "getDocsAsset",
        "tags": ["Reference"],
        "summary": "A file of the page",
        "security": [],
        "parameters": [path_parameter("asset", "The name of the file.", "docs.js")],
        "responses": {
            "200": {"description": "The script or style sheet."},
            "304": {"description": "Unchanged: `If-None-Match` names its `ETag`."},
            **error_responses([], NotFound("No such file"), unexpected=False),
        },
    }


def _livez() -> Schema:
    alive: Schema = {"type": "object", "properties": {"status": {"const": "alive"}}}
    return {
        "operationId": "livez",
        "tags": ["Operations"],
        "summary": "Liveness probe",
        "security": [],
        "responses": {"200": answer("The server is running.", alive)},
    }


def _readyz() -> Schema:
    return {
        "operationId": "readyz",
        "tags": ["Operations"],
        "summary": "Readiness probe",
        "security": [],
        "responses": {
            "200": answer(
                "The server can accept requests.",
                {"type": "object", "properties": {"status": {"const": "ready"}}},
            ),
            "503": answer(
                "The server cannot accept requests: the database is unavailable or not migrated, "
                "or the server is shutting down.",
                {
                    "type": "object",
                    "properties": {
                        "status": {"const": "not ready"},
                        "reason": {"type": "string"},
                    },
                },
            ),
        },
    }


def _metrics() -> Schema:
    return {
        "operationId": "metrics",
        "tags": ["Operations"],
        "summary": "Metrics of this server",
        "security": [],
        "responses": {"200": text("Metrics in the Prometheus text format.", "text/plain")},
    }
