"""The children of `POST /explain`: they die, lie, hang or do not start, and the API goes on."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from service.settings import Settings
from tests.fonts import font_named
from tests.service.api.explaining import explain, refusal
from tests.service.harness.api_client import Api, serving
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import until

FAULTY = (sys.executable, "-I", str(Path(__file__).with_name("faulty_explainer.py")))


FAULTS = [
    ("kill", "SIGKILL"),
    ("nonsense", "no valid answer"),
    ("huge", "no valid answer"),
    ("greedy", "it has"),
]


@asynccontextmanager
async def faulty(settings: Settings, seconds: float) -> AsyncIterator[Api]:
    """Serve with one faulty child, for two requests at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.sandbox.parent.commands.EXPLAIN", FAULTY)
        some = {"explain_slots": 1, "explain_requests": 2, "explain_seconds": seconds}
        async with serving(msgspec.structs.replace(settings, **some)) as api:
            yield api


async def test_a_child_that_dies_or_lies_is_replaced_and_the_api_lives(
    settings: Settings, tenant: Tenant
) -> None:
    async with faulty(settings, seconds=20) as api:
        with capture_logs() as logs:
            for fault, words in FAULTS:
                answer = await explain(api, tenant, tenant.body(f"{fault}.png"))
                assert refusal(answer) == (503, "render_crashed")
                assert words in answer.words["message"]
                assert (await explain(api, tenant)).status == 200
        warnings = [log["event"] for log in logs if log["log_level"] == "warning"]
        assert warnings == ["child_ended"]
        assert await api.metric('darkroom_child_exits_total{reason="crashed"}') == 1


async def test_too_much_at_once_is_put_off_and_nothing_takes_for_ever(
    settings: Settings, tenant: Tenant
) -> None:
    async with faulty(settings, seconds=0.5) as api:

        async def works() -> bool:  # a child may take longer than half a second to start
            return (await explain(api, tenant)).status == 200

        await until(works)
        cancelled = 'darkroom_child_exits_total{reason="cancelled"}'
        before = await api.metric(cancelled)
        hanging = tenant.body("hang.png")
        answers = await asyncio.gather(*(explain(api, tenant, hanging) for _ in range(3)))
        assert [refusal(answer) for answer in answers] == [(503, "unavailable")] * 3
        told = Counter(answer.words["message"] for answer in answers)
        late = "This took longer than 0.5 s; try again"
        assert told == {late: 2, "Too many explanations are in progress; try again": 1}
        await until(works)
        assert await api.metric(cancelled) == before + 1


async def test_children_that_cannot_be_started_are_no_secret_and_no_end(
    settings: Settings, tenant: Tenant, tmp_path: Path
) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.ttf").write_text("no font")
    broken = msgspec.structs.replace(settings, fonts=str(tmp_path / "fonts"))
    async with serving(broken) as api:
        answer = await explain(api, tenant)
        assert refusal(answer) == (503, "unavailable")
        assert str(tmp_path) not in answer.words["message"]
        assert (await api.post(tenant, tenant.body())).status == 200
        (tmp_path / "fonts" / "a.ttf").unlink()
        font_named(tmp_path / "fonts", "Corporate")
        assert (await explain(api, tenant)).status == 200
