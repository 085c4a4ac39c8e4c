"""Write docs/metrics.md from what `service/metrics/` declares.

    make metrics

A test holds the page to the code.
"""

from collections.abc import Iterable, Sequence

from service.metrics import Declared, Metrics, Role, Scope
from service.settings import variable
from tools.packages import ROOT

PAGE = ROOT / "docs" / "metrics.md"
MIB = 1024 * 1024

HEAD = """# Metrics

Every metric of Darkroom. `make metrics` writes this page from the code. The API serves
`GET /metrics` on its own port, a worker on `DARKROOM_METRICS_PORT`. The
[runbooks](runbooks/README.md) say which question each answers; `deploy/` has dashboards and alerts.

Each API and worker is scraped for itself, and tells what it has and knows: **what a process does
not have is absent, not 0**. So is what it cannot know now: the queue, while Postgres is down.

Numbers of one process are summed over processes. Numbers of the whole installation come from
Postgres, counted by every API and every worker (`DARKROOM_WATCH_SECONDS`), so that one of them is
enough. All tell the same, so a sum would count it many times: **take the `max`**.

No id of a service, process or job is a label, but for the services that
`DARKROOM_METRICS_SERVICES` allows. There are also the usual `process_*` and `python_*` metrics.
"""


def page() -> str:
    """Return the page as it is to be."""
    declared = Metrics(version="", libvips="").declared
    whole = [each for each in declared if each.scope is Scope.INSTALLATION]
    own = [each for each in declared if each.scope is Scope.PROCESS]
    parts = [
        HEAD,
        _section("Of the whole installation: take the `max`", whole),
        _section("Of each API: sum", _of(own, Role.API)),
        _section("Of each worker: sum", _of(own, Role.WORKER)),
        _section("Of each API and each worker: sum", _of(own, *Role)),
    ]
    return "\n".join(parts)


def _of(declared: Iterable[Declared], *roles: Role) -> list[Declared]:
    return [each for each in declared if each.roles == roles]


def _section(title: str, declared: Sequence[Declared]) -> str:
    rows = "\n".join(map(_row, sorted(declared, key=lambda each: each.name)))
    return (
        f"## {title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n{rows}\n"
    )


def _row(each: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in each.labels) or "–"
    words = each.help_text
    if each.buckets:
        words += f"; buckets from {_number(each, 0)} to {_number(each, -1)}"
    if each.setting:
        words += f"; needs `{variable(each.setting)}`"
    return f"| `{each.name}` | {each.kind} | {labels} | {words} |"


def _number(each: Declared, place: int) -> str:
    bound = each.buckets[place]
    return f"{bound / MIB:,g} MiB" if each.name.endswith("_bytes") else f"{bound:,g}"


if __name__ == "__main__":
    PAGE.write_text(page())
