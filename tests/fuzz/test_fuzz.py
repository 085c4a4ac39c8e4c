"""A few hundred spoiled files, and that the driver sees what it should; `make fuzz` takes more."""

from engine.errors import DarkroomError
from tests.fuzz.drive import DONE, KILLED, Findings, fuzz
from tests.fuzz.mutate import CHANGES, case

FILES = 300


async def test_every_failure_has_a_code_and_no_child_dies() -> None:
    findings = await fuzz(range(FILES), crash_every=50)
    assert findings.unexpected == []
    assert findings.deaths == [], "\n".join(findings.summary())
    assert findings.files == FILES
    assert len(findings.crashes.replaced) >= 3
    assert findings.codes[KILLED] <= len(findings.crashes.pids)
    assert {DONE, "source_corrupt", "unsupported_format"} <= set(findings.codes)
    assert findings.codes[DONE] < FILES / 2


def test_a_seed_gives_the_same_case_again() -> None:
    assert case(7) == case(7)
    assert case(7) != case(8)
    assert len({case(seed).kind for seed in range(200)}) > 20
    assert len(CHANGES) == 10


def test_what_was_not_foreseen_is_found() -> None:
    findings = Findings()
    findings.note(case(3), DarkroomError("the image could not be made"), 1.0)
    [found] = findings.unexpected
    assert found == f"seed 3 ({case(3).kind}): internal: the image could not be made"
    assert "UNEXPECTED" in "\n".join(findings.summary())
