"""Dispatches of two services, made and popped."""

from collections.abc import Iterable
from itertools import count

from arq.connections import ArqRedis

from service.dispatch import RENDER, Dispatch

MANY, FEW = 1, 2  # services, by what they have waiting
WINDOW = 200

names = count()


def some(number: int, service_id: int, cost: float = 1, priority: int = 0) -> list[Dispatch]:
    return [Dispatch(f"p{next(names)}", 0, priority, service_id, cost) for _ in range(number)]


async def popped(redis: ArqRedis, number: int) -> list[Dispatch]:
    return [Dispatch.parse(m.decode()) for m, _ in await redis.zpopmin(RENDER, number)]


def services(dispatches: Iterable[Dispatch]) -> list[int]:
    return [dispatch.service_id for dispatch in dispatches]
