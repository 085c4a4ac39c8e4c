"""A plan makes the same image with its passes as without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import DarkroomError, Facts, Source, read_facts
from engine.expand import Resolved, expand
from engine.ir import Measured, Plan, verify
from engine.passes import optimise
from engine.passes.order import EXACT, PASSES, Bounded, Pass
from engine.sources import SourceFormat
from tests.engine.execute.batches import (
    ANY_STEPS,
    BEGINNINGS,
    ENDINGS,
    MARK,
    MARK_FACTS,
    check_batch,
)
from tests.engine.images import Json, Pixels, distance, encoded, executed, job
from tests.engine.strategies import NEIGHBOURS, images, transformations

EXACT_PASSES = [rewriting for rewriting in PASSES if rewriting.fidelity == EXACT]


def expanded(steps: list[Json], facts: Facts, ending: str = "png") -> Plan | None:
    """Expand by what measurements assume; None if the job is refused."""
    measured: dict[int, Measured] = {}
    wanted = job(*steps, destination=f"out.{ending}")
    try:
        while True:
            plan = expand(wanted, facts, resolved=Resolved({"mark": MARK_FACTS}, measured))
            if plan.needs_pixels is None:
                return plan
            assert plan.measurement is not None
            measured[plan.needs_pixels] = plan.measurement.assumed(plan.frame.size)
    except DarkroomError:
        return None


@pytest.mark.parametrize("rewriting", EXACT_PASSES, ids=lambda rewriting: rewriting.name)
@given(image=images(), steps=ANY_STEPS)
def test_exact_passes_keep_every_bit(rewriting: Pass, image: Pixels, steps: list[Json]) -> None:
    source = Source.from_bytes(encoded(image))
    plain = expanded(steps, read_facts(source))
    if plain is None:
        return
    made = optimise(plain, passes=(rewriting,))
    if made is not plain:
        one, other = (executed(plan, source, mark=MARK) for plan in (made, plain))
        assert np.array_equal(one, other)


@given(image=images(), beginning=BEGINNINGS, endings=ENDINGS)
def test_an_exact_batch_is_made_to_the_letter(
    image: Pixels, beginning: list[Json], endings: list[list[Json]]
) -> None:
    """Every pass that runs, and sharing, against plans that are carried out as expanded."""
    check_batch(image, beginning, endings)


@given(image=images(), steps=transformations(*NEIGHBOURS, longest=2))
def test_all_passes_together_keep_to_what_they_declare(image: Pixels, steps: list[Json]) -> None:
    """One blur differs by its pass's levels; what follows may spread a difference."""
    blurs = [step for step in steps if step["type"] == "blur"]
    if len(blurs) > 1 or (blurs and steps[-1] is not blurs[0]):
        return
    source = Source.from_bytes(encoded(image))
    plain = expanded(steps, read_facts(source))
    assert plain is not None
    levels, _ = distance(*(executed(plan, source) for plan in (optimise(plain), plain)))
    declared = [entry.fidelity for entry in PASSES if isinstance(entry.fidelity, Bounded)]
    assert levels <= sum(fidelity.levels for fidelity in declared)


@given(
    steps=transformations(longest=8) | transformations(*NEIGHBOURS),
    facts=st.builds(
        Facts,
        format=st.just(SourceFormat.PNG),
        width=st.integers(1, 5000),
        height=st.integers(1, 5000),
        alpha=st.booleans(),
        orientation=st.integers(1, 8),
    ),
    ending=st.sampled_from(["png", "jpg", "webp"]),
)
def test_every_job_has_a_legal_plan_or_a_refusal(
    steps: list[Json], facts: Facts, ending: str
) -> None:
    plain = expanded(steps, facts, ending)
    if plain is not None:
        verify(plain)
        assert optimise(plain).frame == plain.frame


@given(image=images(), steps=ANY_STEPS)
def test_what_comes_out_has_the_planned_size(image: Pixels, steps: list[Json]) -> None:
    source = Source.from_bytes(encoded(image))
    plain = expanded(steps, read_facts(source))
    if plain is not None:
        made = executed(plain, source, mark=MARK)
        bands = 4 if plain.frame.alpha else 3
        assert made.shape == (plain.frame.height, plain.frame.width, bands)


def test_the_gateway_skips_observes_and_verifies() -> None:
    plain = expanded([{"type": "rotate", "degrees": 360}], MARK_FACTS)
    assert plain is not None
    seen: list[tuple[str, int, int]] = []

    def observe(name: str, before: Plan, after: Plan) -> None:
        seen.append((name, len(before.nodes), len(after.nodes)))

    assert len(optimise(plain, observer=observe).nodes) == 2
    assert seen[0] == ("drop_noops", 4, 2)
    assert optimise(plain, switched_off={rewriting.name for rewriting in PASSES}) is plain

    def break_it(plan: Plan) -> Plan:
        return plan.with_nodes(plan.nodes[1:])

    with pytest.raises(DarkroomError, match="begins with decode"):
        optimise(plain, passes=(Pass(break_it, EXACT),))
