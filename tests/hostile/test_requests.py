"""No request body of the largest size that is taken keeps the API's loop for long."""

import pytest

from engine import InvalidRequest
from engine.schema import parse
from service.http import CreateProcess
from tests.hostile.guard import ends

LARGEST = 1024 * 1024  # max_body_bytes


def fill(unit: bytes) -> bytes:
    return unit * (LARGEST // len(unit))


def numbered(unit: bytes) -> bytes:
    return b",".join(unit % number for number in range(LARGEST // (len(unit) + 8)))


def a_job(words: bytes) -> bytes:
    return b'{"source":"a","jobs":[{"destination":"o.png","transformations":[%s]}]}' % words


BODIES = {
    "whitespace": fill(b" "),
    "brackets": fill(b"["),
    "nested objects": fill(b'{"a":'),
    "pairs": b"[" + fill(b"[],") + b"[]]",
    "quotes": fill(b'"'),
    "escapes that end nowhere": fill(b'"\\'),
    "a string that ends nowhere": b'{"source":"' + fill(b"a"),
    "escaped backslashes": a_job(b'{"type":"%s"}' % fill(b"\\\\")),
    "escaped quotes": a_job(b'{"type":"%s"}' % fill(b'\\"')),
    "half surrogates": b'{"source":"%s"}' % fill(b"\\ud800"),
    "no UTF-8": b'{"source":"%s"}' % fill(b"\xff"),
    "a long number": a_job(b'{"type":"blur","sigma":%s}' % fill(b"1")),
    "a long fraction": a_job(b'{"type":"blur","sigma":0.%s}' % fill(b"1")),
    "a long exponent": a_job(b'{"type":"blur","sigma":1e-%s}' % fill(b"9")),
    "a long number in a string": a_job(b'{"type":"blur","sigma":"%s"}' % fill(b"1")),
    "a number and spaces": a_job(b'{"type":"resize","width":"1%sx"}' % fill(b" ")),
    "a long type": a_job(b'{"type":"%s"}' % fill(b"ab")),
    "a long field": a_job(b'{"type":"blur","%s":1}' % fill(b"si")),
    "a long colour": a_job(b'{"type":"annotation","text":"a","color":"#%s"}' % fill(b"f")),
    "a long font": a_job(b'{"type":"annotation","text":"a","font":"%s"}' % fill(b"a")),
    "many fields": b"{%s}" % numbered(b'"field%d":1'),
    "one field, many times": b"{%s}" % b",".join([b'"source":1'] * (LARGEST // 11)),
    "many jobs": b'{"source":"a","jobs":[%s]}' % b",".join([b"{}"] * (LARGEST // 3)),
    "many steps": a_job(b",".join([b'{"type":"blur","sigma":1}'] * (LARGEST // 26))),
    "many encoder options": b'{"source":"a","jobs":[{"destination":"o.png","png":{%s}}]}'
    % numbered(b'"option%d":1'),
    "a key of percents": b'{"source":"%s","jobs":[]}' % fill(b"%25"),
    "a key that is encoded over and over": b'{"source":"%%%s","jobs":[]}' % fill(b"25"),
    "a key of slashes": b'{"source":"%s","jobs":[]}' % fill(b"a/"),
    "a key of spaces": b'{"source":"%s","jobs":[]}' % fill(b"/ "),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_soon(name: str) -> None:
    with ends(name), pytest.raises(InvalidRequest):
        parse(BODIES[name], CreateProcess)
