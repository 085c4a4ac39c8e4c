"""Quotas and the cache of tokens, with a clock that the tests move."""

import math
from collections.abc import AsyncIterator

import pytest

from service.api.auth import Authenticator, RateLimiter
from service.errors import Forbidden, RateLimited, Unauthorized
from service.ids import new_token, token_hash
from service.store import Holder, Store, migrate, open_store
from tests.service.harness.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def record_service(store: Store, token: str, quota: int | None = None) -> int:
    return await store.services.add(
        name=token, storage_url="file:///x", storage_options={},
        webhook_secret="whsec_Mg==", token_hash=token_hash(token), requests_a_minute=quota,
    )  # fmt: skip


def holder(quota: int | None, service_id: int = 1) -> Holder:
    return Holder(service_id=service_id, disabled=False, requests_a_minute=quota)


def allowed(limiter: RateLimiter, asker: Holder, tries: int = 1000) -> int:
    """Count the requests that are let through before the first that is not."""
    for count in range(tries):
        try:
            limiter.check(asker)
        except RateLimited:
            return count
    return tries


def test_without_a_quota_nothing_is_rate_limited(clock: Clock) -> None:
    assert allowed(RateLimiter(clock), holder(None), 500) == 500


def test_a_minutes_quota_may_be_used_at_once(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    assert allowed(limiter, holder(60)) == 60
    assert allowed(limiter, holder(60)) == 0


def test_a_quota_comes_back_second_by_second(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    allowed(limiter, holder(60))
    clock.now += 0.9
    assert allowed(limiter, holder(60)) == 0
    clock.now += 0.2
    assert allowed(limiter, holder(60)) == 1
    clock.now += 10
    assert allowed(limiter, holder(60)) == 10
    clock.now += 3600
    assert allowed(limiter, holder(60)) == 60


@pytest.mark.parametrize("quota", [1, 3, 7, 60, 1000])
def test_a_request_after_retry_after_is_accepted(clock: Clock, quota: int) -> None:
    limiter = RateLimiter(clock)
    allowed(limiter, holder(quota), 2000)
    with pytest.raises(RateLimited) as caught:
        limiter.check(holder(quota))
    assert caught.value.retry_after == math.ceil(60 / quota)
    assert str(caught.value.retry_after) in caught.value.message
    clock.now += caught.value.retry_after
    limiter.check(holder(quota))


def test_a_rate_limited_request_costs_nothing(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    allowed(limiter, holder(60))
    for _ in range(8):
        clock.now += 0.125
        assert allowed(limiter, holder(60)) == (clock.now >= 1001)


def test_each_service_has_its_own(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    assert allowed(limiter, holder(5, 1)) == 5
    assert allowed(limiter, holder(5, 2)) == 5


def test_a_quota_that_is_lowered_counts_from_now_on(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    limiter.check(holder(100))
    assert allowed(limiter, holder(10)) == 10


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    await migrate(database)
    async with open_store(database, size=1) as opened:
        yield opened


async def test_a_token_is_cached_for_a_while_and_no_longer(store: Store, clock: Clock) -> None:
    token = new_token()
    authenticator = Authenticator(store.services, 5.0, clock)
    with pytest.raises(Unauthorized):
        await authenticator.holder(f"Bearer {token}")
    service_id = await record_service(store, token, quota=7)
    found = await authenticator.holder(f"Bearer {token}")  # that it was unknown is not cached
    assert (found.service_id, found.requests_a_minute) == (service_id, 7)
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
    authenticator = Authenticator(store.services, 60.0, clock)
    for token in [new_token() for _ in range(5)]:
        await record_service(store, token)
        await authenticator.holder(f"Bearer {token}")
    assert len(authenticator._cache) <= 2
