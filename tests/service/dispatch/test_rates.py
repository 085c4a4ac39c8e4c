"""What a service's jobs took decides how far apart its turns are."""

from collections import Counter

import pytest
from arq.connections import ArqRedis

from service.dispatch import RENDER, Queue, Rates
from service.dispatch.queue import HIGHEST_RATE
from service.dispatch.queue import rates as rates_of
from service.dispatch.rates import KEPT_SECONDS, UNIT_SECONDS
from tests.service.dispatch.dispatches import FEW, MANY, popped, services, some


async def test_a_service_s_turns_are_apart_by_what_its_jobs_take(
    redis: ArqRedis, queue: Queue
) -> None:
    rates = Rates(redis, RENDER)
    for _ in range(30):
        rates.note(MANY, 10 * UNIT_SECONDS, jobs=1)
        rates.note(FEW, 2 * UNIT_SECONDS, jobs=8)  # costs no less than 1
    await rates.tell()
    await queue.dispatch(some(90, MANY))
    await queue.dispatch(some(90, FEW))
    assert Counter(services(await popped(redis, 55)))[MANY] == pytest.approx(5, abs=1)
    await redis.flushall()  # then all are even
    await queue.dispatch(some(50, MANY))
    await queue.dispatch(some(50, FEW))
    assert Counter(services(await popped(redis, 50)))[MANY] == pytest.approx(25, abs=1)


async def set_rate(redis: ArqRedis, rate: str) -> None:
    async with redis.pipeline() as pipe:
        pipe.hset(rates_of(RENDER), str(MANY), rate)
        await pipe.execute()


async def test_rates_are_told_again_and_forgotten_when_nobody_tells(redis: ArqRedis) -> None:
    async def told() -> dict[bytes, float]:
        async with redis.pipeline() as pipe:
            pipe.hgetall(rates_of(RENDER))
            [found] = await pipe.execute()
        return {service: float(rate) for service, rate in found.items()}

    rates = Rates(redis, RENDER)
    await set_rate(redis, "500")  # by another worker, long ago
    rates.note(MANY, UNIT_SECONDS, jobs=1)
    rates.note(FEW, 40 * UNIT_SECONDS, jobs=1)
    await rates.tell()
    assert await told() == {b"1": 1.0, b"2": 40.0}
    assert 0 < await redis.ttl(rates_of(RENDER)) <= KEPT_SECONDS
    await redis.flushall()
    await rates.tell()
    assert await told() == {}  # of what is not worked on now
    rates.note(FEW, 40 * UNIT_SECONDS, jobs=1)
    await rates.tell()
    assert await told() == {b"2": 40.0}


@pytest.mark.parametrize("rate", ["-5", "0", "nan", "inf", "1e300", "garbage"])
async def test_a_rate_that_cannot_be_is_held_to_what_can(
    redis: ArqRedis, queue: Queue, rate: str
) -> None:
    await set_rate(redis, rate)
    await queue.dispatch(some(4, MANY))
    scores = [score for _, score in await redis.zrange(RENDER, 0, -1, withscores=True)]
    assert scores[-1] - scores[0] in {3, 3 * HIGHEST_RATE}
