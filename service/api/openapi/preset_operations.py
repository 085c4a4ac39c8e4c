"""The operations on presets."""

from service.api.openapi import examples
from service.api.openapi.parts import (
    access_errors,
    answer,
    body,
    body_errors,
    error_responses,
    parameter,
    path_parameter,
)
from service.api.openapi.schemas import Schema, ref
from service.errors import NotFound
from service.presets import PresetName
from service.settings import Settings


def preset_paths(settings: Settings) -> Schema:
    """Describe the routes of presets."""
    return {
        "/presets": {"get": _list()},
        "/presets/{name}": {"get": _get(), "put": _put(settings), "delete": _delete()},
    }


def _list() -> Schema:
    return {
        "operationId": "listPresets",
        "tags": ["Presets"],
        "summary": "List presets",
        "description": "Returns the presets of your service, by name, without their definitions.",
        "parameters": [parameter("X-Request-Id")],
        "responses": {
            "200": answer("The presets.", ref("PresetList"), {"one": examples.PRESETS}),
            **error_responses([], *access_errors()),
        },
    }


def _get() -> Schema:
    return {
        "operationId": "getPreset",
        "tags": ["Presets"],
        "summary": "Get a preset",
        "description": "Returns a preset with its definition.",
        "parameters": [_name(), parameter("X-Request-Id")],
        "responses": {
            "200": answer("The preset.", ref("Preset"), {"preset": examples.PRESET_SHOWN}),
            **error_responses([], *access_errors(), NotFound("Preset not found")),
        },
    }


def _put(settings: Settings) -> Schema:
    return {
        "operationId": "putPreset",
        "tags": ["Presets"],
        "summary": "Save a preset",
        "description": "Saves a preset, or replaces it. It is validated as a job is. A service has "
        f"at most {settings.max_presets} presets of at most {settings.max_preset_bytes} bytes. "
        "What was accepted before is done as it was then.",
        "parameters": [_name(), parameter("X-Request-Id")],
        "requestBody": body("PresetDefinition", {"thumbnail": examples.PRESET}),
        "responses": {
            "200": answer("The preset.", ref("Preset"), {"preset": examples.PRESET_SHOWN}),
            **error_responses(examples.preset_errors(), *access_errors(), *body_errors(settings)),
        },
    }


def _delete() -> Schema:
    return {
        "operationId": "deletePreset",
        "tags": ["Presets"],
        "summary": "Delete a preset",
        "description": "Deletes a preset. What was accepted with it is done as it was then.",
        "parameters": [_name(), parameter("X-Request-Id")],
        "responses": {
            "204": {"description": "There is no such preset any more."},
            **error_responses([], *access_errors(), NotFound("Preset not found")),
        },
    }


def _name() -> Schema:
    schema = PresetName.schema()
    description = f"Takes {schema.pop('description')}."
    return path_parameter("name", description, examples.PRESET_SHOWN.name, schema)
