"""Every documented transformation through the API and a worker, as clients send it."""

from typing import Any

import pytest

from engine.schema import TYPES
from service.settings import Settings
from tests.service.harness.api_client import Api
from tests.service.harness.tenants import Tenant, job
from tests.service.harness.workers import done_by, outcomes, working

EXAMPLES: dict[str, dict[str, Any]] = {
    "annotation": {"text": "Test text", "font": "Arial", "size": 10, "color": "#000000"},
    "blur": {"sigma": 2, "radius": 4},
    "brightness": {"bright_level": "230"},
    "colorize": {"red": 200, "green": 120, "blue": 150},
    "contrast": {"level": 55},
    "crop": {"width": "20", "height": "10", "yoffset": "3", "xoffset": "5", "fit": True},
    "enhance": {},
    "filter": {"filter": "sepia"},
    "fitmethod": {"fit_type": "cropbox", "width": 55, "height": 30, "opacity": 0},
    "flip": {"direction": "y"},
    "gamma": {"level": 2.2},
    "modulate": {"brightness": 110, "saturation": 120, "hue": 30},
    "normalize": {},
    "pad": {"width": "10%", "color": "#fff"},
    "pixelate": {"size": 4},
    "resize": {"width": 50, "height": 30},
    "rotate": {"degrees": 20},
    "round": {"radius": "50%"},
    "sharpen": {"sigma": 0.8, "amount": 1.2},
    "trim": {"threshold": 12},
    "ulb": {},
    "watermark": {"source": "/marks/mark.png", "gravity": "middle", "width": 20},
    "zoom": {"width": "20", "height": "20", "level": 0},
}


def test_every_type_has_an_example() -> None:
    assert set(EXAMPLES) == set(TYPES)


async def test_every_type_is_done(api: Api, settings: Settings, tenant: Tenant) -> None:
    tenant.put("marks/mark.png", tenant.read("in.png"))
    jobs = [job(f"{name}.png", {"type": name, **words}) for name, words in EXAMPLES.items()]
    async with working(settings):
        status = await done_by(api, tenant, {**tenant.body(), "jobs": jobs})
    assert dict(zip(EXAMPLES, outcomes(status), strict=True)) == dict.fromkeys(EXAMPLES, "DONE")
    assert tenant.files() == {"in.png", "marks/mark.png", *(f"{name}.png" for name in EXAMPLES)}


async def test_a_mark_that_is_no_picture_fails_its_own_job(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    tenant.put("mark.png", b"not an image")
    jobs = [job("a.png", {"type": "watermark", "source": "mark.png"}), job("b.png")]
    async with working(settings):
        status = await done_by(api, tenant, {**tenant.body(), "jobs": jobs})
    assert outcomes(status) == ["unsupported_format", "DONE"]


@pytest.mark.parametrize("width", [1e300, 10**30, "9999999999"])
async def test_a_size_beyond_reason_is_refused_at_creation(
    api: Api, tenant: Tenant, width: object
) -> None:
    jobs = [job("a.png", {"type": "resize", "width": width})]
    answer = await api.post(tenant, {**tenant.body(), "jobs": jobs})
    assert (answer.status, answer.words["path"]) == (400, "jobs[0].transformations[0].width")
