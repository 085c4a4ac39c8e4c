"""Quotas with a clock of our own, and tokens that are remembered for a while."""

import math
from collections.abc import AsyncIterator

import pytest

from service.api.auth import Authenticator, RateLimiter
from service.errors import Forbidden, RateLimited, Unauthorized
from service.ids import new_token, token_hash
from service.store import Holder, Store, migrate, open_store


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


def test_without_a_quota_nobody_is_refused(clock: Clock) -> None:
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
def test_who_comes_again_when_told_is_let_in(clock: Clock, quota: int) -> None:
    limiter = RateLimiter(clock)
    allowed(limiter, holder(quota), 2000)
    with pytest.raises(RateLimited) as caught:
        limiter.check(holder(quota))
    assert caught.value.retry_after == math.ceil(60 / quota)
    assert str(caught.value.retry_after) in caught.value.message
    clock.now += caught.value.retry_after
    limiter.check(holder(quota))


def test_being_refused_costs_nothing(clock: Clock) -> None:
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


async def test_a_token_is_remembered_for_a_while_and_no_longer(store: Store, clock: Clock) -> None:
    token = new_token()
    authenticator = Authenticator(store.services, 5.0, clock)
    with pytest.raises(Unauthorized):
        await authenticator.holder(f"Bearer {token}")
    service_id = await store.services.add(
        name="one", storage_url="file:///x", storage_options={},
        webhook_secret="whsec_Mg==", token_hash=token_hash(token), requests_a_minute=7,
    )  # fmt: skip
    found = await authenticator.holder(f"Bearer {token}")  # that nobody held it is not kept
    assert (found.service_id, found.requests_a_minute) == (service_id, 7)
    await store.services.set_disabled(service_id, True)
    clock.now += 4.9
    assert await authenticator.holder(f"Bearer {token}") == found
    clock.now += 0.2
    with pytest.raises(Forbidden):
        await authenticator.holder(f"Bearer {token}")


async def test_what_is_remembered_does_not_grow_without_end(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.auth.MOST_REMEMBERED", 2)
    authenticator = Authenticator(store.services, 60.0, clock)
    tokens = [new_token() for _ in range(5)]
    for index, token in enumerate(tokens):
        await store.services.add(
            name=str(index), storage_url="file:///x", storage_options={},
            webhook_secret="whsec_Mg==", token_hash=token_hash(token),
        )  # fmt: skip
        await authenticator.holder(f"Bearer {token}")
    assert len(authenticator._known) <= 2
