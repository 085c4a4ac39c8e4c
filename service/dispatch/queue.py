"""The queue in Redis: a sorted set in fair order, bounded by a window.

Redis may be wiped at any moment, and may be full. What it holds is rebuilt from Postgres, where
every row that waits is found again until somebody claims it. Therefore a dispatch may be asserted
any number of times, and one that is taken twice does nothing the second time, since its claim
finds nothing to take.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

import msgspec
from arq.connections import ArqRedis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service import priorities

RENDER = "darkroom:renders"
CALLBACK = "darkroom:callbacks"

CLASS_SPAN = 2**40  # of costs, in which a double still tells thousandths apart
MEMBER = re.compile(r"(\d{1,18}):([\w.-]+):(\d{1,9})", re.ASCII)
HIGHEST_RATE = 1000.0  # of a service, as `Rates` tells
CREDIT = 64.0  # of costs that a flow may catch up on after it was idle

SCRIPT = files("service.dispatch").joinpath("dispatch.lua").read_text(encoding="utf-8")


class Dispatch(msgspec.Struct, frozen=True):
    """The name of one dispatch, its priority, and whose it is.

    Priority 1 goes before 0, 0 before -1; of one priority the services take turns, by what theirs
    `cost`, and of a service the first goes first. One that was taken before, `again`, goes before
    all that its service has waiting.
    """

    id: str
    run: int
    priority: int = 0
    service_id: int = 0
    cost: float = 1
    again: bool = False

    @property
    def name(self) -> str:
        """What it is called; a new run is a new name."""
        return f"{self.id}:{self.run}"

    @property
    def member(self) -> str:
        """What the queue knows it by."""
        return f"{self.service_id}:{self.name}"

    @property
    def rank(self) -> int:
        """Give its class: 0 goes first."""
        return priorities.HIGHEST - self.priority

    @classmethod
    def parse(cls, member: str) -> "Dispatch":
        """Read a member of the queue; ValueError if it is nothing that we have put there."""
        found = MEMBER.fullmatch(member)
        if found is None:
            raise ValueError(f"expected service_id:id:run, got {member[:100]!r}")
        service_id, id_, run = found.groups()
        return cls(id_, int(run), service_id=int(service_id))


def flow_of(priority: int, service_id: int) -> str:
    """Name a flow: what one service has waiting of one priority."""
    return f"{priorities.HIGHEST - priority}:{service_id}"


def connect(url: str) -> ArqRedis:
    """Open a pool of connections that reconnects, waiting longer each time, for seconds."""
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.01), retries=3)
    errors = [RedisConnectionError, RedisTimeoutError]
    redis = ArqRedis.from_url(
        url, retry=retry, retry_on_error=errors, socket_timeout=5, socket_connect_timeout=2
    )
    assert isinstance(redis, ArqRedis)  # noqa: S101 - from_url is typed as the base class
    return redis


def wake_channel(queue: str) -> str:
    """Name the channel on which a queue's workers are told that there is something new."""
    return f"{queue}:wake"


def cancel_channel(queue: str) -> str:
    """Name the channel on which a queue's workers are told what is to be cancelled."""
    return f"{queue}:cancel"


def clocks(queue: str) -> str:
    """Name the hash of where the next dispatch of each flow starts."""
    return f"{queue}:clocks"


def rates(queue: str) -> str:
    """Name the hash of what a job of each service costs."""
    return f"{queue}:rates"


def spilled_flows(queue: str) -> str:
    """Name the hash of the flows of which more waits than the queue holds."""
    return f"{queue}:spilled"


class Queue:
    """The sending side: asserts dispatches and wakes the workers. It holds at most `window`."""

    def __init__(self, redis: ArqRedis, name: str, window: int) -> None:
        self._redis = redis
        self._name = name
        self._window = window
        self._keys = [name, clocks(name), spilled_flows(name), rates(name)]
        self._script = redis.register_script(SCRIPT)

    async def dispatch(self, dispatches: Sequence[Dispatch]) -> None:
        """Assert dispatches in one round trip; those already waiting stay where they are.

        Of a flow of which more waits than the queue holds, none is let in before the others.
        """
        await self._assert(dispatches, refill=False)

    async def refill(
        self, dispatches: Sequence[Dispatch], more: Mapping[str, bool], spilled: Mapping[str, bytes]
    ) -> int:
        """Assert what was read from Postgres, the first of each flow; returns how many were new.

        `more` tells of each flow that was read whether others wait behind; `spilled` is what
        `spilled` gave before the reading.
        """
        added = await self._assert(dispatches, refill=True)
        now = await self.spilled()
        over = [flow for flow in now if not more.get(flow) and now[flow] == spilled.get(flow)]
        async with self._redis.pipeline(transaction=False) as pipe:
            for flow in more:
                if more[flow]:
                    pipe.hsetnx(spilled_flows(self._name), flow, "0")
            if over:
                pipe.hdel(spilled_flows(self._name), *over)
            await pipe.execute()
        return added

    async def spilled(self) -> dict[str, bytes]:
        """Give the flows of which more waits than the queue holds; what stands by one, changes."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(spilled_flows(self._name))
            (found,) = await pipe.execute()
        return {flow.decode(errors="replace"): count for flow, count in found.items()}

    async def tell_cancelled(self, ids: Sequence[str]) -> None:
        """Tell whoever works on one of these that it is to look at it; nothing is kept of it."""
        await self._redis.publish(cancel_channel(self._name), " ".join(ids))

    async def take_turn(self, what: str, seconds: float) -> bool:
        """Tell whether it is on us to do something that others need not do for so long."""
        key, most = f"{self._name}:turn:{what}", max(1, round(seconds * 1000))
        return bool(await self._redis.set(key, b"", px=most, nx=True))

    async def _assert(self, dispatches: Iterable[Dispatch], *, refill: bool) -> int:
        told = [  # a service as text: Lua's numbers are doubles
            (each.member, each.rank, str(each.service_id), each.cost, each.again)
            for each in dispatches
        ]
        arguments: list[str | int | float | bytes] = [
            self._window, CREDIT, CLASS_SPAN, int(refill), wake_channel(self._name), HIGHEST_RATE,
            msgspec.json.encode(told),
        ]  # fmt: skip
        return int(await self._script(keys=self._keys, args=arguments))
