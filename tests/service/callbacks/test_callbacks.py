"""Callbacks: signed, tried again, given up, and told from one another."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from service.callbacks import Sender, send_safely
from service.callbacks.back_off import MAX_TRIES, SCHEDULE, back_off, retry_after
from service.dispatch import Dispatch
from service.ids import new_webhook_secret
from service.metrics import Metrics
from service.settings import Settings
from service.store import Due, Store, Try
from tests.service.harness.api_client import Api
from tests.service.harness.receiver import Receiver, due, receiving, send
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import done_by, until, working

ABSURD_DATES = [
    "Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 +2359", "Mon, 99 Foo 2030 99:99:99 +9999", "Mon, 01 Jan 2030",
    "Mon, 01 Jan 1970 00:00:00 +99999999999999", "1 Jan 0000 0:0:0", ",",
    "Mon, 99999999999999999999 Jan 1970 00:00:00 GMT", "0" * 5000 + "x",
]  # fmt: skip
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECOND = timedelta(seconds=1)


class Post:
    """A sender, and what became of a delivery."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.metrics = Metrics(version="x", libvips="x")
        self.sender = Sender(store, settings, self.metrics)

    async def send(self, delivery: str, tries: int = 0) -> None:
        await send(self.sender, delivery, tries)

    async def row(self, delivery: str) -> dict[str, Any]:
        found = await self.store.pool.fetchrow(
            "SELECT *, extract(epoch FROM due_at - now())::float8 AS due_in "
            "FROM deliveries WHERE id = $1",
            delivery,
        )
        assert found is not None
        return dict(found)

    async def outcome(self, delivery: str) -> tuple[str, int, int | None, str | None]:
        row = await self.row(delivery)
        return row["status"], row["tries"], row["last_status"], row["last_error"]

    def counted(self, result: str) -> float:
        name, labels = "darkroom_callback_attempts_total", {"result": result}
        return self.metrics.registry.get_sample_value(name, labels) or 0


@pytest.fixture
async def post(shared_store: Store, settings: Settings) -> AsyncIterator[Post]:
    made = Post(shared_store, msgspec.structs.replace(settings, callback_seconds=0.3))
    yield made
    made.sender.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def test_a_finished_process_calls_its_client_back(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    body = tenant.body("a.png", callback=receiver.url)
    with capture_logs() as logs:
        async with working(settings):
            answer = await api.post(tenant, body, {"traceparent": TRACE})
            process_id = answer.words["process_id"]
            await asyncio.wait_for(receiver.arrived.wait(), 10)

            async def delivered() -> bool:
                status = await api.status(tenant, process_id)
                return bool(status.get("callbacks", [{}])[0].get("status") == "DELIVERED")

            await until(delivered)
    told = Webhook(tenant.webhook_secret).verify(receiver.only.body, dict(receiver.only.headers))
    status = await api.status(tenant, process_id)
    [callback] = status.pop("callbacks")
    assert told == status
    assert status["status"] == "FINISHED"
    assert receiver.only.headers["X-Request-Id"] == answer.headers["X-Request-Id"]
    assert callback == {
        "id": receiver.only.headers["webhook-id"], "attempt": 0, "status": "DELIVERED",
        "tries": 1, "last_status": 200, "last_error": None, "next_try_at": None,
        "next_try_at_rfc3339": None,
    }  # fmt: skip
    assert receiver.only.headers["traceparent"] == TRACE
    lines = {line["event"]: line for line in reversed(logs)}  # the first of each kind
    for event in ("request", "settled", "callback"):
        assert lines[event]["request_id"] == answer.headers["X-Request-Id"]
        assert lines[event]["trace_id"] == TRACE[3:35]
        assert lines[event]["process_id"] == process_id
        assert lines[event]["service_id"] == tenant.service_id
    assert (lines["request"]["route"], lines["request"]["status"]) == ("/request", 200)
    assert (lines["settled"]["outcome"], lines["settled"]["error_code"]) == ("FINISHED", None)
    assert (lines["callback"]["result"], lines["callback"]["tries"]) == ("delivered", 1)
    assert receiver.only.headers["Content-Type"] == "application/json"
    assert "Authorization" not in receiver.only.headers


async def test_a_failed_process_calls_back_too_and_once_for_each_attempt(
    api: Api, settings: Settings, tenant: Tenant, receiver: Receiver
) -> None:
    (tenant.folder / "in.png").unlink()
    async with working(settings):
        status = await done_by(api, tenant, tenant.body(callback=receiver.url))
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        receiver.arrived.clear()
        await api.retry(tenant, status["process_id"])
        await asyncio.wait_for(receiver.arrived.wait(), 10)
    first, second = [msgspec.json.decode(one.body) for one in receiver.received]
    assert (first["status"], first["attempt"]) == ("FAILED", 0)
    assert (second["status"], second["attempt"]) == ("FAILED", 1)
    assert first["jobs"][0]["error"]["code"] == "source_not_found"
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 2


async def test_without_a_callback_nothing_is_sent(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with working(settings):
        status = await done_by(api, tenant)
    assert "callbacks" not in status
    count = "SELECT count(*) FROM deliveries WHERE process_id = $1"
    assert await shared_store.pool.fetchval(count, status["process_id"]) == 0


def verified(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def test_while_a_secret_is_rotated_either_verifies(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    secrets = [tenant.webhook_secret, new_webhook_secret(), new_webhook_secret()]
    for secret in secrets[1:]:
        await shared_store.services.rotate_webhook_secret(tenant.service_id, secret)
    await post.send(await due(shared_store, tenant, receiver.url, body='{"é":1}'.encode()))
    headers = dict(receiver.only.headers)
    assert len(headers["webhook-signature"].split()) == 2
    for secret in secrets[1:]:
        assert verified(secret, receiver.only.body, headers)
    assert not verified(secrets[0], receiver.only.body, headers)
    assert not verified(secrets[1], receiver.only.body + b" ", headers)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10


async def test_one_event_has_one_id_over_all_its_tries(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    delivery = await due(shared_store, tenant, receiver.url)
    for tries, status in enumerate((500, 429, 404, 204)):
        receiver.status = status
        await post.send(delivery, tries)
    assert {one.headers["webhook-id"] for one in receiver.received} == {delivery}
    assert len({one.body for one in receiver.received}) == 1
    assert await post.outcome(delivery) == ("DELIVERED", 4, 204, None)
    assert (post.counted("failed"), post.counted("delivered")) == (3, 1)
    await post.send(delivery, 4)  # what is delivered is not sent again
    assert len(receiver.received) == 4


async def test_the_schedule_is_kept_until_it_is_exhausted(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    delivery = await due(shared_store, tenant, receiver.url)
    receiver.status = 500
    for tries, seconds in enumerate(SCHEDULE):
        await post.send(delivery, tries)
        assert await post.outcome(delivery) == (
            "PENDING", tries + 1, 500, "the receiver answered 500",
        )  # fmt: skip
        assert 0.9 * seconds - 2 <= (await post.row(delivery))["due_in"] <= 1.1 * seconds
    await post.send(delivery, len(SCHEDULE))
    assert (await post.outcome(delivery))[:2] == ("FAILED", 10)
    assert post.counted("exhausted") == 1
    assert len(receiver.received) == 10


def test_the_jitter_stays_in_its_bounds_and_uses_them() -> None:
    assert [*map(int, SCHEDULE)] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for tries, seconds in enumerate(SCHEDULE, start=1):
        waits = [back_off(tries) / seconds for _ in range(300)]
        assert 0.9 <= min(waits) < 0.95
        assert 1.05 < max(waits) <= 1.1


@pytest.mark.parametrize(
    ("came", "least", "most"),
    [
        ("120", 118, 120.1),
        ("1", 4, 5.6),
        ("99999999999", 86_300, 86_400),
        ("in a while", 4, 5.6),
        ("-5", 4, 5.6),
        ("1.5", 4, 5.6),
        ("²", 4, 5.6),
        ("", 4, 5.6),
        *((date, 4, 5.6) for date in ABSURD_DATES if "Dec 9999 " not in date),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_300, 86_400),
    ],
)
async def test_retry_after_is_honoured_within_reason(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver, *,
    came: str, least: float, most: float,
) -> None:  # fmt: skip
    receiver.status, receiver.headers = 503, {"Retry-After": came}
    delivery = await due(shared_store, tenant, receiver.url)
    await post.send(delivery)
    assert least <= (await post.row(delivery))["due_in"] <= most


@pytest.mark.parametrize(("minutes", "least", "most"), [(10, 595, 600), (-10, 4, 5.6)])
async def test_retry_after_may_be_a_date(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver, *,
    minutes: int, least: float, most: float,
) -> None:  # fmt: skip
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    receiver.status = 429
    receiver.headers = {"Retry-After": format_datetime(moment, usegmt=True)}
    delivery = await due(shared_store, tenant, receiver.url)
    await post.send(delivery)
    assert least <= (await post.row(delivery))["due_in"] <= most


@pytest.mark.parametrize("came", ["120", *ABSURD_DATES])
async def test_retry_after_means_nothing_on_a_success(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver, came: str
) -> None:
    receiver.headers = {"Retry-After": came}
    delivery = await due(shared_store, tenant, receiver.url)
    await post.send(delivery)
    assert await post.outcome(delivery) == ("DELIVERED", 1, 200, None)


@given(st.text())
def test_no_retry_after_is_an_error(came: str) -> None:
    assert 0 <= retry_after(came) < math.inf


async def test_tries_that_were_never_recorded_count_too(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    """A sender that dies each time after it has sent does not go on forever."""
    delivery = await due(shared_store, tenant, receiver.url)
    for tries in range(MAX_TRIES):
        [claimed] = await shared_store.deliveries.claim(
            [Due(id=delivery, tries=tries)], SECOND, MAX_TRIES
        )
        assert claimed.tries == tries + 1
    await post.send(delivery, MAX_TRIES)
    assert (await post.outcome(delivery))[:2] == ("FAILED", MAX_TRIES)
    assert receiver.received == []


async def test_what_nobody_takes_for_days_is_given_up(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    receiver.status = 500
    old, new = [await due(shared_store, tenant, receiver.url) for _ in range(2)]
    days = "UPDATE deliveries SET created_at = now() - interval '5 days' WHERE id = $1"
    await shared_store.pool.execute(days, old)
    await post.send(old)
    await post.send(new)
    assert (await post.outcome(old))[:2] == ("FAILED", 1)
    assert (await post.outcome(new))[:2] == ("PENDING", 1)


async def test_gone_means_never_again(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    receiver.status = 410
    delivery = await due(shared_store, tenant, receiver.url)
    await post.send(delivery)
    assert await post.outcome(delivery) == ("FAILED", 1, 410, "the receiver answered 410")
    await post.send(delivery, 1)
    assert len(receiver.received) == 1
    assert post.counted("gone") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Location": "/elsewhere"}
    delivery = await due(shared_store, tenant, receiver.url)
    await post.send(delivery)
    assert (await post.outcome(delivery))[:3] == ("PENDING", 1, status)
    assert len(receiver.received) == 1


async def test_a_receiver_that_takes_too_long(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    receiver.delay = 30
    delivery = await due(shared_store, tenant, receiver.url)
    await post.send(delivery)
    assert await post.outcome(delivery) == (
        "PENDING", 1, None, "the receiver did not answer in time",
    )  # fmt: skip


async def test_a_receiver_that_is_not_there(
    post: Post, shared_store: Store, tenant: Tenant
) -> None:
    for url, words in {
        "http://127.0.0.1:1/": "no connection to the receiver",
        "http://no-such-host.invalid/": "the receiver's name does not resolve",
    }.items():
        delivery = await due(shared_store, tenant, url)
        await post.send(delivery)
        assert await post.outcome(delivery) == ("PENDING", 1, None, words)


async def test_a_sender_that_dies_before_it_recorded_sends_the_same_id_again(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    delivery = await due(shared_store, tenant, receiver.url, traceparent=TRACE)
    receiver.delay = 0.2
    dying = asyncio.create_task(post.send(delivery))
    await receiver.arrived.wait()
    dying.cancel()
    await asyncio.wait([dying])
    assert (await post.outcome(delivery))[:2] == ("PENDING", 1)
    assert delivery not in {row.id for row in await shared_store.deliveries.take_due(9, SECOND)}
    await shared_store.pool.execute("UPDATE deliveries SET due_at = now() WHERE id = $1", delivery)
    found = await shared_store.deliveries.take_due(9, SECOND)
    assert (delivery, 1) in [(row.id, row.tries) for row in found]
    receiver.delay = 0
    await post.send(delivery, 1)
    assert {one.headers["webhook-id"] for one in receiver.received} == {delivery}
    assert await post.outcome(delivery) == ("DELIVERED", 2, 200, None)


async def test_a_dispatch_that_comes_twice_is_sent_once(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    delivery = await due(shared_store, tenant, receiver.url)
    await asyncio.gather(*(post.send(delivery) for _ in range(5)))
    await post.send(delivery, 7)
    await post.send("msg_unknown")
    assert len(receiver.received) == 1


async def test_a_late_record_of_an_earlier_try_changes_nothing(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    name = await due(shared_store, tenant, receiver.url)
    [stale] = await shared_store.deliveries.claim([Due(id=name, tries=0)], SECOND, 10)
    await post.send(name, 1)
    late = Try(delivery=stale, status="FAILED", answered=500, error="late")
    await shared_store.deliveries.record_tries([late])
    assert await post.outcome(name) == ("DELIVERED", 2, 200, None)


async def test_an_error_of_our_own_leaves_the_callback_due(
    post: Post, shared_store: Store, tenant: Tenant, receiver: Receiver
) -> None:
    await shared_store.pool.execute(
        "UPDATE services SET webhook_secrets = '{whsec_x}' WHERE id = $1", tenant.service_id
    )
    delivery = await due(shared_store, tenant, receiver.url)
    [found] = await post.sender.find([Dispatch(delivery, 0)])
    await send_safely(post.sender, found)
    assert await post.outcome(delivery) == ("PENDING", 1, None, None)
    assert receiver.received == []
