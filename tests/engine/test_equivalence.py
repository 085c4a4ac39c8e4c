"""A plan makes the same picture with its passes as without."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import DarkroomError, Facts, Source, Stats, read_facts
from engine.expand import expand
from engine.ir import Plan
from engine.passes import EXACT, PASSES, Pass, optimise
from engine.render import carry_out
from engine.spec import verify
from engine.transforms import Format
from tests.engine.pictures import Pixels, Words, decoded, encoded, job
from tests.engine.strategies import pictures, transformations


def pixels_of(plan: Plan, source: Source) -> Pixels:
    return decoded(carry_out(plan, source, Stats()).data)


@pytest.mark.parametrize("rewriting", PASSES, ids=lambda rewriting: rewriting.name)
@settings(max_examples=80, deadline=None)
@given(picture=pictures(), words=transformations())
def test_exact_passes_keep_every_bit(rewriting: Pass, picture: Pixels, words: list[Words]) -> None:
    assert rewriting.fidelity == EXACT
    source = Source.from_bytes(encoded(picture))
    try:
        plain = expand(job(*words), read_facts(source))
    except DarkroomError:
        return
    made = optimise(plain, passes=(rewriting,))
    if made is not plain:
        assert np.array_equal(pixels_of(made, source), pixels_of(plain, source))


@settings(max_examples=150, deadline=None)
@given(
    words=transformations(longest=8),
    facts=st.builds(
        Facts,
        format=st.just(Format.PNG),
        width=st.integers(1, 5000),
        height=st.integers(1, 5000),
        alpha=st.booleans(),
        orientation=st.integers(1, 8),
    ),
    ending=st.sampled_from(["png", "jpg", "webp"]),
)
def test_every_job_has_a_legal_plan_or_a_refusal(
    words: list[Words], facts: Facts, ending: str
) -> None:
    try:
        plain = expand(job(*words, destination=f"out.{ending}"), facts)
    except DarkroomError:
        return
    verify(plain)
    assert optimise(plain).frame == plain.frame


@settings(max_examples=60, deadline=None)
@given(picture=pictures(), words=transformations(longest=4))
def test_what_comes_out_has_the_planned_size(picture: Pixels, words: list[Words]) -> None:
    source = Source.from_bytes(encoded(picture))
    try:
        plain = expand(job(*words), read_facts(source))
    except DarkroomError:
        return
    made = pixels_of(plain, source)
    assert made.shape == (plain.frame.height, plain.frame.width, 4 if plain.frame.alpha else 3)


def test_the_gateway_skips_observes_and_verifies() -> None:
    plain = expand(
        job({"type": "rotate", "degrees": 360}), Facts(format=Format.PNG, width=4, height=4)
    )
    seen: list[tuple[str, int, int]] = []

    def observe(name: str, before: Plan, after: Plan) -> None:
        seen.append((name, len(before.nodes), len(after.nodes)))

    assert len(optimise(plain, observer=observe).nodes) == 2
    assert seen[0] == ("drop_idle", 4, 2)
    assert optimise(plain, switched_off={rewriting.name for rewriting in PASSES}) is plain

    def break_it(plan: Plan) -> Plan:
        return plan.with_nodes(plan.nodes[1:])

    with pytest.raises(DarkroomError, match="begins with decode"):
        optimise(plain, passes=(Pass(break_it, EXACT),))
