"""Logs tell what happened, and no secrets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.ids import new_token, new_webhook_secret
from service.logs import Stamp, redact

TOKEN, SECRET = new_token(), new_webhook_secret()

CANARIES = [
    (TOKEN, TOKEN),
    (SECRET, SECRET),
    ("Authorization: Bearer c4nary/abc+def==", "c4nary"),
    ("authorization=bearer  c4nary", "c4nary"),
    ("postgresql://user:c4nary@db.example/x", "c4nary"),
    ("postgresql://user:c4nary@home@db.example/x", "c4nary@home"),
    ("postgresql://user:c4n/ary@db.example/x", "ary"),
    ("postgresql://user:12345@db.example/x", "12345"),
    ("https://example.com:8080/a@b,https://user:c4nary@b", "c4nary"),
    ("redis://:c4nary@cache.example:6379/0", "c4nary"),
    ("rediss://default:c4nary%40x@cache.example", "c4nary"),
    ("postgresql://db.example/x?user=u&password=c4nary", "c4nary"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=c4nary&x=1", "c4nary"),
    ("https://b.s3.amazonaws.com/k?a=1&X-Amz-Security-Token=c4nary", "c4nary"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Credential=c4nary/2024/eu/s3/aws4_request", "c4nary"),
    ("https://example.com/hook?token=c4nary", "c4nary"),
    ("https://example.com/hook?sig=c4nary", "c4nary"),
    ("https://example.com/hook?api_key=c4nary", "c4nary"),
    ("secret_key='c4nary'", "c4nary"),
    ("{'secret_key': 'c4nary', 'region': 'eu'}", "c4nary"),
]


@pytest.mark.parametrize(("text", "secret"), CANARIES, ids=range(len(CANARIES)))
def test_a_secret_is_hidden_wherever_it_stands(text: str, secret: str) -> None:
    for value in (
        f"before {text} after",
        [text],
        {"deep": (text, {"er": text})},
        ValueError(text),
        text.encode(),
    ):
        shown = repr(redact(None, "info", {"event": "x", "value": value})["value"])
        assert secret not in shown
        assert "[hidden]" in shown
        if isinstance(value, str):
            assert "before" in shown
            assert "after" in shown


def test_what_is_no_secret_stays_as_it_is() -> None:
    event = {
        "event": "settled", "process_id": "a" * 21, "seconds": 1.5, "none": None, "flag": True,
        "url": "https://example.com:8080/a@b?token_count=3&x=1", "words": ["12:30:59", "a@b.c"],
    }  # fmt: skip
    assert redact(None, "info", dict(event)) == event


SCRIPT = """
import logging, sys, structlog
from service.logs import configure_logs

configure_logs(*sys.argv[1:3])
log = structlog.get_logger("test")
log.info("began", port=1)
log.debug("unseen")
logging.getLogger("asyncio").info("unseen")
logging.getLogger("asyncio").warning("lost %s", "redis://:c4nary@r/0")
for tell in (log.exception, logging.getLogger("aiohttp.server").exception):
    try:
        raise ConnectionError("no postgresql://u:c4n" + "ary@db/x with " + sys.argv[3])
    except ConnectionError:
        tell("broke")
"""


def written(form: str, level: str) -> list[str]:
    """Give what a process of its own writes to standard error."""
    command = [sys.executable, "-c", SCRIPT, form, level, TOKEN]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == ""
    assert "c4nary" not in ended.stderr
    assert TOKEN not in ended.stderr
    assert "unseen" not in ended.stderr
    return ended.stderr.splitlines()


def test_every_line_is_json_whoever_wrote_it() -> None:
    lines = [json.loads(line) for line in written("json", "info")]
    assert all(line.pop("timestamp").endswith("Z") for line in lines)
    traces = [line.pop("exception") for line in lines[2:]]
    assert all("ConnectionError: no postgresql://[hidden]@db/x" in trace for trace in traces)
    assert lines == [
        {"event": "began", "level": "info", "port": 1},
        {"event": "lost redis://[hidden]@r/0", "level": "warning", "logger": "asyncio"},
        {"event": "broke", "level": "error"},
        {"event": "broke", "level": "error", "logger": "aiohttp.server"},
    ]


def test_a_line_has_its_time_to_the_microsecond() -> None:
    times = iter([1_000_000_000.25, 1_000_000_000.000001, 1_000_000_061.5])
    stamp = Stamp(lambda: next(times))
    assert [stamp(None, "info", {})["timestamp"] for _ in range(3)] == [
        "2001-09-09T01:46:40.250000Z", "2001-09-09T01:46:40.000001Z", "2001-09-09T01:47:41.500000Z",
    ]  # fmt: skip


RETRYING = """
import asyncpg.pool
from service.logs import configure_logs

configure_logs("json", "info")
for _ in range(3):
    try:
        raise ConnectionRefusedError("refused")
    except ConnectionRefusedError:
        asyncpg.pool.logger.warning("Failed to restore the pool connection floor", exc_info=True)
asyncpg.pool.logger.warning("Pool.close() is taking over 60 seconds to complete.")
"""


def test_tries_of_the_pool_in_an_outage_are_one_line() -> None:
    command = [sys.executable, "-c", RETRYING]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    outage, other = map(json.loads, ended.stderr.splitlines())
    assert (outage["event"], outage["dependency"]) == ("dependency_unavailable", "postgres")
    assert outage["error"] == "ConnectionRefusedError: refused"
    assert other["event"].startswith("Pool.close()")


UNTOLD = """
import logging, structlog
from service.logs import configure_logs

class Unspeakable:
    def __repr__(self):
        raise ZeroDivisionError

configure_logs("json", "info")
for _ in range(1000):
    structlog.get_logger("test").error("broke" * 100)
    logging.getLogger("aiohttp.server").error("broke" * 100)
structlog.get_logger("test").info("broke", value=Unspeakable())
print("went on")
"""


@pytest.mark.parametrize("stderr", ["/dev/full", "/dev/null"])
def test_a_line_that_cannot_be_written_breaks_nothing(stderr: str) -> None:
    with Path(stderr).open("w") as log:
        ended = subprocess.run(
            [sys.executable, "-c", UNTOLD],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    assert ended.stdout == "went on\n"


def test_lines_for_people() -> None:
    text = "\n".join(written("console", "error"))
    assert text.count("broke") == 2
    assert "began" not in text
    assert "[hidden]" in text


DROPPED = """
import structlog
from service.logs import configure_logs
from structlog.testing import capture_logs

configure_logs("json", "info")
log = structlog.get_logger()
with capture_logs() as lines:  # drops each line
    log.info("kept", number=1)
print(lines[0]["event"], lines[0]["number"])
"""


def test_a_line_that_a_processor_drops_breaks_nothing() -> None:
    command = [sys.executable, "-c", DROPPED]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("kept 1\n", "")
