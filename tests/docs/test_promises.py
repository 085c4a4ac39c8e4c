"""Every promise names tests that exist, and every command a target of the Makefile."""

import re

import pytest

from tests.docs.pages import ROOT, rows

PAGE = (ROOT / "docs" / "promises.md").read_text()
PROMISES = rows(PAGE, "promise")


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_tested(promise: str) -> None:
    named = re.findall(r"`([^`]+)`", PROMISES[promise]["tested by"])
    assert named
    for name in named:
        assert "def test_" in (ROOT / name).read_text(), name


def test_the_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", PAGE))
    assert named >= {"chaos", "attack", "fuzz"}
    assert named <= targets
