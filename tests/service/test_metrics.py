"""Every metric that is declared is also counted somewhere, and the pool's is live."""

import ast
from pathlib import Path

from service.metrics import Metrics
from service.store import Store

SERVICE = Path(__file__).parent.parent.parent / "service"


def test_every_metric_is_used() -> None:
    used = {
        node.attr
        for path in SERVICE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    metrics = Metrics(version="1", libvips="8")
    ours = {
        name
        for name, value in vars(metrics).items()
        if type(value).__module__.startswith("prometheus_client.metrics")
    }
    assert len(ours) > 25
    assert ours <= used


async def test_the_pools_gauge_follows_the_pool(shared_store: Store) -> None:
    metrics = Metrics(version="1", libvips="8")
    metrics.watch_pool(lambda: shared_store.in_use)
    assert b"darkroom_db_pool_in_use 0.0" in metrics.expose()
    async with shared_store.pool.acquire():
        assert b"darkroom_db_pool_in_use 1.0" in metrics.expose()


def test_each_protection_is_in_force_or_not() -> None:
    metrics = Metrics(version="1", libvips="8")
    metrics.watch_protections(["seccomp", "landlock-files"], lambda: {"seccomp"})
    shown = metrics.expose().decode()
    assert 'darkroom_sandbox_protection{protection="seccomp"} 1.0' in shown
    assert 'darkroom_sandbox_protection{protection="landlock-files"} 0.0' in shown
