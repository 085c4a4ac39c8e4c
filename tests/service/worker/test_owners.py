"""Whether children are replaced between services is a setting, and how many rest meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Reason
from service.settings import Settings
from service.store import Store
from tests.service.harness.api_client import Api
from tests.service.harness.tenants import Tenant, add_tenant
from tests.service.harness.workers import done_by, working


@pytest.mark.parametrize(
    ("isolate", "resting", "replaced"), [(True, 0, 2), (True, 1, 0), (False, 1, 0)]
)
async def test_services_share_children_only_where_the_setting_says_so(
    api: Api,
    settings: Settings,
    tenant: Tenant,
    stranger: Tenant,
    shared_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    isolate: bool,
    resting: int,
    replaced: int,
) -> None:
    ends: list[Reason] = []

    def open_sandbox(*given: Any, on_exit: Callable[[ChildExit], None], **options: Any) -> Sandbox:
        def note(end: ChildExit) -> None:
            ends.append(end.reason)
            on_exit(end)

        return Sandbox(*given, on_exit=note, **options)

    monkeypatch.setattr("service.sandbox.setup.Sandbox", open_sandbox)
    chosen = {"isolate_services": isolate, "resting_children": resting}
    async with working(msgspec.structs.replace(settings, **chosen)):
        third = await add_tenant(shared_store, tmp_path / "third")
        for whose in (tenant, stranger, third, tenant):  # there is a child for two
            assert (await done_by(api, whose))["status"] == "FINISHED"
        assert ends == [Reason.OTHER_OWNER] * replaced
