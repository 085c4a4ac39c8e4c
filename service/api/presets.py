"""The routes of presets."""

from aiohttp import web

from engine.errors import InvalidRequest, LimitExceeded
from service.api.access import SETTINGS, STORE, authenticate, read_body
from service.api.intake import request_limits
from service.errors import NotFound
from service.http import json_response, list_presets, show_preset
from service.presets import PresetName, read_definition, read_name

routes = web.RouteTableDef()


@routes.get("/presets")
async def get_presets(request: web.Request) -> web.Response:
    """Answer with the presets of a service, without their definitions."""
    holder = await authenticate(request)
    return json_response(list_presets(await request.app[STORE].presets.list(holder.service_id)))


@routes.get("/presets/{name}")
async def get_preset(request: web.Request) -> web.Response:
    """Answer with a preset."""
    holder = await authenticate(request)
    found = await request.app[STORE].presets.get(holder.service_id, _existing(request))
    if found is None:
        raise _not_found()
    return json_response(show_preset(found))


@routes.put("/presets/{name}")
async def put_preset(request: web.Request) -> web.Response:
    """Save a preset or replace it, and answer with it."""
    holder = await authenticate(request)
    settings = request.app[SETTINGS]
    name = read_name(request.match_info["name"], "name")
    definition = read_definition(
        await read_body(request), request_limits(settings), settings.max_preset_bytes
    )
    most = settings.max_presets
    saved = await request.app[STORE].presets.put(holder.service_id, name, definition, most)
    if saved is None:
        raise InvalidRequest(
            f"expected at most {most} presets of a service; delete one first",
            code=LimitExceeded.code,
        )
    return json_response(show_preset(saved))


@routes.delete("/presets/{name}")
async def delete_preset(request: web.Request) -> web.Response:
    """Delete a preset; what was accepted with it is done as it was."""
    holder = await authenticate(request)
    if not await request.app[STORE].presets.delete(holder.service_id, _existing(request)):
        raise _not_found()
    return web.Response(status=204)


def _existing(request: web.Request) -> PresetName:
    """Return the name in the path; what is no name is no preset's."""
    try:
        return PresetName.parse(request.match_info["name"])
    except ValueError:
        raise _not_found() from None


def _not_found() -> NotFound:
    return NotFound("Preset not found")
