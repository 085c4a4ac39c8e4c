"""Random batches, made to the letter: a few in the tests, many by `make batches`."""

import sys
import time
from functools import partial

import click
import numpy as np
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from engine import DarkroomError, Output, Source, read_facts, render
from engine.execute.measuring import measure
from engine.expand import Resolved, expand
from engine.ir import Measured, Plan
from engine.lower import LoweringContext, lower
from tests.engine.images import Json, Pixels, decoded, encoded, executed, job, jobs, noise
from tests.engine.strategies import (
    LOCAL,
    MOVES,
    NEIGHBOURS,
    OVERLAYS,
    POINTWISE,
    images,
    transformations,
)

MARK = Source.from_bytes(encoded(noise(23, 9, 4)))
MARK_FACTS = read_facts(MARK)
ANY_STEPS = (
    transformations()
    | transformations(*MOVES, *NEIGHBOURS)
    | transformations(*MOVES, *POINTWISE, *OVERLAYS)
)
# Without the filters that take hundreds of operations each: most of the long run.
QUICK_STEPS = transformations() | transformations(*MOVES, *POINTWISE, *LOCAL, *OVERLAYS)
BEGINNINGS = transformations(longest=2)
ENDINGS = st.lists(ANY_STEPS, min_size=1, max_size=3)
QUICK_ENDINGS = st.lists(QUICK_STEPS, min_size=1, max_size=3)
AT_ONCE = 500  # batches of one seed; Hypothesis remembers all of a seed's
EVERY_FILTER = 20  # one seed of so many takes every filter


def measured_plan(steps: list[Json], source: Source) -> Plan | None:
    """Expand with what is measured on plans that no pass has touched; None if refused."""
    measured: dict[int, Measured] = {}
    context = LoweringContext(source, {"mark": MARK})
    try:
        while True:
            resolved = Resolved({"mark": MARK_FACTS}, measured)
            plan = expand(job(*steps), read_facts(source), resolved=resolved)
            if plan.needs_pixels is None:
                return plan
            assert plan.measurement is not None
            measured[plan.needs_pixels] = measure(plan.measurement, partial(lower, plan, context))
    except DarkroomError:
        return None


def check_batch(image: Pixels, beginning: list[Json], endings: list[list[Json]]) -> int:
    """Hold a batch in exact mode to plans that are carried out as expanded; count its images."""
    source = Source.from_bytes(encoded(image))
    lists = [[*beginning, *ending] for ending in endings]
    results = render(source, jobs(*lists, mode="exact"), inputs={"mark": MARK})
    made = 0
    for steps, (_, result) in zip(lists, results, strict=True):
        plain = measured_plan(steps, source)
        assert isinstance(result, Output) == (plain is not None)
        if plain is not None and isinstance(result, Output):
            assert np.array_equal(decoded(result.data), executed(plain, source, mark=MARK))
            made += 1
    return made


@click.command()
@click.option("--count", default=100_000, show_default=True, help="How many batches.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
def main(count: int, first: int) -> None:
    """Make COUNT random batches in exact mode, each held to its plans as expanded."""
    began, made, counted = time.perf_counter(), 0, 0
    number = first
    while counted < count:
        endings_of_seed = QUICK_ENDINGS if number % EVERY_FILTER else ENDINGS

        @seed(number)
        @settings(max_examples=AT_ONCE, deadline=None, database=None)
        @given(image=images(), beginning=BEGINNINGS, endings=endings_of_seed)
        def check(image: Pixels, beginning: list[Json], endings: list[list[Json]]) -> None:
            nonlocal counted, made
            counted += 1
            made += check_batch(image, beginning, endings)

        try:
            check()
        except Exception:
            click.echo(f"seed {number} has a batch that is not made to the letter")
            raise
        number += 1
        if number % 10 == 0:
            took = time.perf_counter() - began
            click.echo(f"{counted:7} batches, {made} images, {counted / took:.0f}/s, no difference")
    click.echo(f"{counted} batches, {made} images, seeds {first} to {number - 1}: no difference")


if __name__ == "__main__":
    sys.exit(main())
