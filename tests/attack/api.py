"""Requests that schemathesis makes of the OpenAPI document, and requests that are no HTTP."""

import asyncio
import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.attack.findings import Findings

ANSWER_SECONDS = 30.0
PATIENCE_SECONDS = 1.0
AT_ONCE = 32


def fuzz_api(
    url: str, document: dict[str, Any], token: str, known: dict[str, Any], examples: int, first: int
) -> Findings:
    """Send so many requests for each operation; every answer of 5xx is a breach.

    In every second body, the fields of `known` have values that exist, so that what lies
    behind the first checks is reached too. Blocks: to be run in a thread.
    """
    import schemathesis  # noqa: PLC0415 - a second that other tests need not wait

    findings = Findings("api")
    statuses: Counter[int] = Counter()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = url
    for found in schema.get_all_operations():
        operation = found.ok()  # an error would raise here

        @seed(first)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def attack(case: schemathesis.Case[Any]) -> None:
            findings.tried += 1
            if isinstance(case.body, dict) and findings.tried % 2:
                case.body |= {name: known[name] for name in known.keys() & case.body.keys()}
            answer = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS)
            statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                findings.breach(f"{case.method} {case.path}: {answer.status_code} {case.body!r}")

        attack()
    findings.notes.append(", ".join(f"{status} {n}" for status, n in sorted(statuses.items())))
    return findings


def with_short_lists(schema: Any) -> Any:
    """Give a document whose lists have two items at most: the time goes into making long ones."""
    match schema:
        case dict():
            found = {name: with_short_lists(each) for name, each in schema.items()}
            if schema.get("type") == "array":
                found["maxItems"] = max(
                    schema.get("minItems", 0), min(2, schema.get("maxItems", 2))
                )
            return found
        case list():
            return [with_short_lists(each) for each in schema]
        case _:
            return schema


def valid_request(token: str, body: bytes) -> bytes:
    """Write a request that is in order."""
    head = f"POST /request HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


PIECES = (
    b"\r\n", b"\n", b"\0", b" ", b"\t", b":", b"\xff\xfe", b"HTTP/9.9", b"CONNECT x:1 ",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"X: " + b"a" * 9000 + b"\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Content-Encoding: gzip\r\n",
    b"ffffffffffffffff\r\n",
)  # fmt: skip


def malformed(request: bytes, chance: random.Random) -> bytes:
    """Spoil a request in one to four places."""
    spoilt = bytearray(request)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(spoilt) + 1)
        match chance.randrange(4):
            case 0:
                spoilt[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del spoilt[place : place + chance.randint(1, 40)]
            case 2:
                spoilt[place:place] = chance.choice(PIECES)
            case _:
                spoilt[place:place] = spoilt[place : place + chance.randint(1, 200)]
    return bytes(spoilt)


async def send_malformed(port: int, request: bytes, count: int, first: int) -> Findings:
    """Send spoilt requests; each is answered below 500, or ends when its client says no more."""
    findings = Findings("malformed HTTP")
    statuses: Counter[str] = Counter()
    numbers = iter(range(first, first + count))

    async def send_some() -> None:
        for number in numbers:
            findings.tried += 1
            spoilt = malformed(request, random.Random(number))
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await _answer(port, spoilt)
            except TimeoutError:
                findings.breach(f"{number}: no answer and no end in {ANSWER_SECONDS:g} s")
                continue
            status = answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/1.") else "none"
            statuses[status] += 1
            if status.startswith("5") or (answer and status == "none"):
                findings.breach(f"{number}: {answer[:200]!r}")

    await asyncio.gather(*(send_some() for _ in range(AT_ONCE)))
    findings.notes.append(", ".join(f"{status} {n}" for status, n in sorted(statuses.items())))
    return findings


async def _answer(port: int, data: bytes) -> bytes:
    """Send bytes and give what comes back; after a while, end the sending."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        answer = asyncio.ensure_future(reader.read(200))
        await asyncio.wait([answer], timeout=PATIENCE_SECONDS)
        if not answer.done():  # it waits for more
            writer.write_eof()
        return await answer
    except OSError:  # it broke the connection off
        return b""
    finally:
        writer.transport.abort()
