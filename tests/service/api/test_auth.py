"""The cache of tokens, with a clock that the tests move."""

from collections.abc import AsyncIterator

import pytest

from service.api.auth import Authenticator
from service.errors import Forbidden, Unauthorized
from service.ids import new_token, token_hash
from service.metrics import Metrics
from service.store import Store, migrate, open_store
from tests.service.harness.clock import Clock

METRICS = Metrics(version="x", libvips="x")


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def record_service(store: Store, token: str, quota: int | None = None) -> int:
    return await store.services.add(
        name=token, storage_url="file:///x", storage_options={},
        webhook_secret="whsec_Mg==", token_hash=token_hash(token), jobs_a_minute=quota,
    )  # fmt: skip


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    await migrate(database)
    async with open_store(database, size=1) as opened:
        yield opened


async def test_a_token_is_cached_for_a_while_and_no_longer(store: Store, clock: Clock) -> None:
    token = new_token()
    authenticator = Authenticator(store.services, 5.0, METRICS, clock)
    with pytest.raises(Unauthorized):
        await authenticator.holder(f"Bearer {token}")
    service_id = await record_service(store, token, quota=7)
    found = await authenticator.holder(f"Bearer {token}")  # that it was unknown is not cached
    assert (found.service_id, found.jobs_a_minute) == (service_id, 7)
    await store.services.set_disabled(service_id, True)
    clock.now += 4.9
    assert await authenticator.holder(f"Bearer {token}") == found
    clock.now += 0.2
    with pytest.raises(Forbidden):
        await authenticator.holder(f"Bearer {token}")


async def test_the_cache_of_tokens_is_bounded(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.auth.MAX_CACHED_TOKENS", 2)
    authenticator = Authenticator(store.services, 60.0, METRICS, clock)
    for token in [new_token() for _ in range(5)]:
        await record_service(store, token)
        await authenticator.holder(f"Bearer {token}")
    assert len(authenticator._cache) <= 2
