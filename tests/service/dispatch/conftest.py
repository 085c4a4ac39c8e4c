"""A queue of renderings in an empty Valkey."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from service.dispatch import RENDER, Queue, connect
from tests.service.dispatch.dispatches import WINDOW


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[ArqRedis]:
    opened = connect(redis_url)
    await opened.flushall()
    yield opened
    await opened.aclose()


@pytest.fixture
def queue(redis: ArqRedis) -> Queue:
    return Queue(redis, RENDER, WINDOW)
