"""What is declared is counted somewhere, is shown by whom it is of, and reaches far enough."""

import ast
import re
from pathlib import Path

import pytest
from prometheus_client import Counter, Histogram

from service.metrics import Metrics, Role
from service.metrics.optional_gauge import OptionalGauge
from service.settings import Settings
from service.store import open_store

SERVICE = Path(__file__).parent.parent.parent / "service"


def metrics(role: Role | None = None, services: int = 0) -> Metrics:
    return Metrics(version="1", libvips="8", role=role, services=services)


def test_every_metric_is_used() -> None:
    used = {
        node.attr
        for path in SERVICE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    made = metrics()
    ours = {
        name
        for name, value in vars(made).items()
        if isinstance(value, (Counter, OptionalGauge, Histogram))
    }
    assert len(ours) == len(made.declared) - 1  # the versions are told once
    assert ours <= used


@pytest.mark.parametrize("role", Role)
def test_nobody_shows_what_it_does_not_have(role: Role) -> None:
    shown = metrics(role).expose().decode()
    for each in metrics().declared:
        if role not in each.roles or each.setting:
            assert each.name not in shown, each.name
        if each.kind == "gauge" and each.name != "darkroom_build_info":
            assert not re.search(rf"^{each.name}[{{ ]", shown, re.MULTILINE), each.name
    assert "_created" not in shown


async def test_the_pools_figures_follow_the_pool(database: str) -> None:
    made = metrics()
    async with open_store(database, size=3, observer=made.observe_pool("main")) as store:
        made.watch_pool("main", store.pool)
        assert 'darkroom_db_pool_in_use{pool="main"} 0.0' in made.expose().decode()
        async with store.pool.acquire() as connection:
            await connection.fetchval("SELECT 1")
            shown = made.expose().decode()
        await store.pool.fetchval("SELECT 1")
    assert 'darkroom_db_pool_in_use{pool="main"} 1.0' in shown
    assert 'darkroom_db_pool_size{pool="main"} 3.0' in shown
    shown = made.expose().decode()
    assert 'darkroom_db_pool_wait_seconds_count{pool="main"} 2.0' in shown
    assert 'darkroom_db_query_duration_seconds_count{query="other"} 2.0' in shown


def test_each_protection_is_in_force_or_not() -> None:
    made = metrics()
    made.watch_protections(["seccomp", "landlock-files"], lambda: {"seccomp"})
    shown = made.expose().decode()
    assert 'darkroom_sandbox_protection{protection="seccomp"} 1.0' in shown
    assert 'darkroom_sandbox_protection{protection="landlock-files"} 0.0' in shown


def test_services_have_figures_of_their_own_up_to_a_number() -> None:
    made = metrics(services=2)
    for service in (7, 8, 9, 10, 7):
        made.service_accepted(service)
    made.service_rendered(9, 1.5)
    shown = made.expose().decode()
    accepted = dict(
        re.findall(r'service_processes_accepted_total{service_id="(\w+)"} (\S+)', shown)
    )
    assert accepted == {"7": "2.0", "8": "1.0", "other": "2.0"}
    assert 'darkroom_service_render_seconds_total{service_id="other"} 1.5' in shown
    assert "darkroom_service" not in metrics(Role.API).expose().decode()


def test_buckets_reach_as_far_as_the_work_does() -> None:
    settings = Settings(database_url="", redis_url="")
    last = {
        each.name.removeprefix("darkroom_"): max(each.buckets, default=0)
        for each in metrics().declared
    }
    day = 86_400
    for name, longest in {
        "http_request_duration_seconds": max(settings.explain_seconds, settings.body_seconds),
        "stage_duration_seconds": settings.process_seconds,
        "slot_wait_seconds": settings.process_seconds,
        "storage_request_duration_seconds": settings.storage_total_seconds,
        "db_query_duration_seconds": settings.database_seconds,
        "callback_lag_seconds": 3600 * settings.callback_hours,
        "child_peak_memory_bytes": settings.child_memory_bytes,
        "queue_wait_seconds": day,
        "process_duration_seconds": day,
    }.items():
        assert last[name] >= longest, name
