"""The simulation of docs/scaling.md agrees with what is known of queues, and the page with it."""

import pytest

from bench.scaling.__main__ import MARKED, PAGE, text
from bench.scaling.network import Station, Visit, erlang_c, mean_wait, simulate
from bench.scaling.plans import FULL, RATES, Costs, plan

COSTS = Costs(api=0.4, postgres_intake=0.3, postgres_work=1.0, valkey=0.1, worker=6, commit=1)


@pytest.mark.parametrize(("servers", "load", "chance"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3)])
def test_erlang_s_formula(servers: int, load: float, chance: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(chance)


@pytest.mark.parametrize(("servers", "use"), [(1, 0.6), (4, 0.7), (16, 0.8)])
def test_a_station_alone_is_m_m_c(servers: int, use: float) -> None:
    mean, rate = 0.01, use * servers / 0.01
    found = simulate({"x": Station(servers)}, [Visit("x", mean)], rate, 60_000 / rate, seed=5)
    assert found.took(0).mean() - mean == pytest.approx(mean_wait(servers, rate, mean), rel=0.08)
    assert found.used["x"] == pytest.approx(use, rel=0.02)


def test_stations_in_a_row_are_as_if_alone() -> None:
    """Burke's theorem: what leaves M/M/c arrives as a Poisson stream at the next."""
    stations, way = {"x": Station(2), "y": Station(3)}, [Visit("x", 0.01), Visit("y", 0.02)]
    found = simulate(stations, way, 120, 400, seed=3)
    alone = mean_wait(2, 120, 0.01) + mean_wait(3, 120, 0.02)
    assert found.took(1).mean() - 0.03 == pytest.approx(alone, rel=0.08)


def test_nobody_waits_where_there_are_no_servers() -> None:
    found = simulate({"x": Station(0)}, [Visit("x", 0.05, fixed=True)], 100, 2, seed=1)
    assert found.took(0) == pytest.approx(0.05)


def test_what_came_before_a_station_opens_is_served_then() -> None:
    found = simulate({"x": Station(1, opens=1.0)}, [Visit("x", 0.001, fixed=True)], 10, 2, seed=1)
    first = found.departures[:, 0][found.arrivals < 1]
    assert first == pytest.approx([1 + 0.001 * (n + 1) for n in range(len(first))])


@pytest.mark.parametrize("rate", RATES)
def test_a_plan_uses_no_part_too_much(rate: int) -> None:
    made = plan(rate, COSTS)
    each = rate / made.cells / 1000
    assert each * COSTS.api <= FULL * made.api
    assert each * (COSTS.postgres_intake + COSTS.postgres_work) <= FULL * made.postgres <= FULL * 8
    assert each * COSTS.worker <= FULL * made.worker
    assert each * COSTS.valkey <= FULL


def test_the_page_shows_what_the_simulation_says() -> None:
    found = MARKED.search(PAGE.read_text())
    assert found is not None
    assert found[0].removeprefix(found[1]).removesuffix(found[2]).strip() == text().strip(), (
        "run `make scaling`"
    )
