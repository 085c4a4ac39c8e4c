"""Queues that jobs pass one after the other, simulated event by event.

A station has servers and one queue, first come first served; a job visits stations in a fixed
order, and may come back to one. Times of service are exponential, so that a network of one station
is M/M/c, whose mean wait Erlang's formula C gives.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


class Station(Struct, frozen=True):
    """Servers with one queue; none means that nobody waits. They begin to work at `opens`."""

    servers: int
    opens: float = 0.0


class Visit(Struct, frozen=True):
    """A job's stay at a station: the mean seconds of service; `fixed` if they do not vary."""

    station: str
    mean: float
    fixed: bool = False


class Result(Struct, frozen=True):
    """When each job came and left each visit (jobs × visits); shares of time servers worked."""

    arrivals: Seconds
    departures: Seconds
    used: Mapping[str, float]

    def took(self, visit: int, *, skip: float = 0.0) -> Seconds:
        """Give the seconds from arrival to the end of a visit, of jobs that came after `skip`."""
        late = self.arrivals >= skip
        return np.asarray(self.departures[late, visit] - self.arrivals[late])


def simulate(
    stations: Mapping[str, Station], visits: Sequence[Visit], rate: float, seconds: float, seed: int
) -> Result:
    """Let jobs arrive at random (Poisson) for so many seconds, and go on until all have left."""
    chance = np.random.default_rng(seed)
    gaps = chance.exponential(1 / rate, int(rate * seconds))
    arrivals = np.cumsum(gaps)
    services = np.stack(
        [
            np.full(len(arrivals), visit.mean)
            if visit.fixed
            else chance.exponential(visit.mean, len(arrivals))
            for visit in visits
        ],
        axis=1,
    )
    departures = np.zeros_like(services)
    free = {name: station.servers for name, station in stations.items()}
    waiting: dict[str, deque[tuple[int, int]]] = {name: deque() for name in stations}
    # an event is a time and a job that begins to wait for a visit, or ends one
    events = [(float(at), 2 * job, 0) for job, at in enumerate(arrivals)]
    opening = [(s.opens, -1, i) for i, s in enumerate(stations.values()) if s.opens]
    events = sorted([*events, *opening])
    names = list(stations)

    def begin(now: float, job: int, visit: int) -> None:
        end = now + float(services[job, visit])
        departures[job, visit] = end
        heapq.heappush(events, (end, 2 * job + 1, visit))

    def fill(now: float, name: str) -> None:
        while free[name] > 0 and waiting[name] and now >= stations[name].opens:
            free[name] -= 1
            begin(now, *waiting[name].popleft())

    while events:
        now, code, visit = heapq.heappop(events)
        if code < 0:
            fill(now, names[visit])
            continue
        job, ended = divmod(code, 2)
        name = visits[visit].station
        if ended and stations[name].servers:
            free[name] += 1
            fill(now, name)
        visit += ended
        if visit == len(visits):
            continue
        name = visits[visit].station
        if stations[name].servers:
            waiting[name].append((job, visit))
            fill(now, name)
        else:
            begin(now, job, visit)
    last = float(departures.max())
    used = {name: 0.0 for name, station in stations.items() if station.servers}
    for index, each in enumerate(visits):
        if each.station in used:
            used[each.station] += float(services[:, index].sum())
    shares = {name: total / last / stations[name].servers for name, total in used.items()}
    return Result(arrivals, departures, shares)


def erlang_c(servers: int, load: float) -> float:
    """Give the chance that a job waits in M/M/c, for `load` = rate × mean service, below servers.

    Source: A. K. Erlang's formula C, computed from formula B by its recursion.
    """
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(servers: int, rate: float, mean: float) -> float:
    """Give the mean seconds that a job waits in M/M/c before it is served."""
    load = rate * mean
    return erlang_c(servers, load) * mean / (servers - load)
