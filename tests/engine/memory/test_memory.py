"""The predicted peak of a plan is not below the measured one, and at most three times it.

The suite takes a handful; `make memory` takes every type, format and kind of source, and
whole batches, in three sizes, and writes a table with `-s`.
"""

from collections.abc import Iterable

import pytest

from engine import Source, read_facts
from engine.cost.estimate import minimum_bytes
from engine.execute import plan
from engine.expand import Resolved
from engine.explain import explain
from engine.limits import EngineLimits
from engine.schema import TYPES as KNOWN_TYPES
from tests.engine.memory.measure import Case, measure
from tests.engine.memory.spread import TYPES, Images, Plan, Spread

MAX_RATIO = 3  # times what is measured
SHORT = 0.92  # of what is measured, for nothing but noise: no image is like that


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Spread:
    return Spread(Images(tmp_path_factory.mktemp("images")))


def predicted(case: Case) -> int:
    """Return the peak that `explain` tells."""
    inputs = {key: Source.from_path(path) for key, path in case.inputs.items()}
    return explain(Source.from_path(case.source), case.batch.jobs, inputs=inputs).cost.peak_bytes


def guaranteed(case: Case) -> int:
    """Return what the jobs are refused by."""
    facts = read_facts(Source.from_path(case.source))
    known = Resolved({key: read_facts(Source.from_path(path)) for key, path in case.inputs.items()})
    limits = EngineLimits()
    return max(minimum_bytes(plan(job, facts, limits, known)) for job in case.batch.jobs)


def check(plans: Iterable[Plan], most: float = MAX_RATIO, least: float = 1) -> None:
    """Measure all cases, then compare them with the predictions."""
    plans = list(plans)
    wrong = []
    for (name, case), measured in zip(plans, measure(case for _, case in plans), strict=True):
        peak, minimum = predicted(case), guaranteed(case)
        line = f"{name}: measured {measured:,}, predicted {peak:,} ({peak / measured:.2f})"
        print(line)  # noqa: T201 - the table of `make memory`
        if not least * measured <= peak <= most * measured:
            wrong.append(line)
        if not minimum <= measured:
            wrong.append(f"{name}: measured {measured:,}, guaranteed {minimum:,}")
    assert not wrong, "\n".join(wrong)


def test_what_is_predicted_is_near_what_is_measured(spread: Spread) -> None:
    check(spread.quick())


@pytest.mark.long
@pytest.mark.parametrize(
    "group", ["types", "chains", "formats", "sources", "grids", "animations", "batches"]
)
def test_all_of_it(spread: Spread, group: str) -> None:
    check(getattr(spread, group)())


@pytest.mark.long
def test_formats_with_alpha(spread: Spread) -> None:
    check(spread.formats("translucent", ("small", "middle")))


@pytest.mark.long
@pytest.mark.parametrize("content", ["noise", "flat", "flatveiled"])
def test_no_pixels_take_more_and_none_less_than_is_certain(spread: Spread, content: str) -> None:
    least = SHORT if content == "noise" else 1
    check(spread.formats(content, ("middle",)), most=float("inf"), least=least)


@pytest.mark.long
def test_what_takes_most_takes_less_than_a_gigabyte(spread: Spread) -> None:
    cases = [spread.case("photo-large.jpg", TYPES[name]) for name in ("enhance", "greatest blur")]
    for case, measured in zip(cases, measure(cases), strict=True):
        assert measured <= predicted(case) < 2**30


def test_every_type_is_measured() -> None:
    named = {step["type"] for chain in TYPES.values() for step in chain}
    assert named == set(KNOWN_TYPES)
