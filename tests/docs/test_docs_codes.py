"""Error codes, settings and limits in docs/ against the code, both ways."""

import ast
import re
from collections.abc import Iterator

import msgspec

from engine.errors import DarkroomError, InvalidRequest, LimitExceeded
from service.errors import ClientGone, EmbeddedError, HttpError, LeaseLost, Preempted, http_status
from service.settings import Settings, describe_settings, variable
from tests.docs.pages import ROOT, SETTINGS, rows, section

NEVER_SEEN = {LeaseLost.code, Preempted.code, EmbeddedError.code, ClientGone.code}  # by a client
METHOD_NOT_ALLOWED = "method_not_allowed"  # aiohttp's own words for a status
OF_A_REQUEST, OF_A_JOB = "Errors of a request", "Errors of a job"


def errors(root: type[DarkroomError] = DarkroomError) -> Iterator[type[DarkroomError]]:
    """Yield an error and all that are kinds of it."""
    yield root
    for kind in root.__subclasses__():
        yield from errors(kind)


def written_codes() -> set[str]:
    """Find the codes that are given where an error is made, rather than by its class."""
    found: set[str] = set()
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "service").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _makes_an_error(node):
                told = [word.value for word in node.keywords if word.arg == "code"]
                told += node.args[2:3]
                found |= {str(word.value) for word in told if isinstance(word, ast.Constant)}
    return found - {"None"}


def _makes_an_error(call: ast.Call) -> bool:
    makers = {"InvalidRequest", "InvalidField", "Problem", "_invalid"}
    return isinstance(call.func, ast.Name) and call.func.id in makers


def test_the_search_for_codes_finds_them() -> None:
    assert {
        "missing_field",
        "unknown_transformation",
        "invalid_json",
        "internal",
    } <= written_codes()


def test_every_error_of_a_request_is_documented_and_no_other() -> None:
    kinds = [kind for kind in errors() if issubclass(kind, HttpError | InvalidRequest)]
    codes = {kind.code for kind in kinds} | written_codes()
    codes |= {LimitExceeded.code, METHOD_NOT_ALLOWED}
    assert set(rows(section(OF_A_REQUEST), "code")) == codes - NEVER_SEEN


def test_every_error_of_a_job_is_documented_and_no_other() -> None:
    codes = {kind.code for kind in errors() if not issubclass(kind, HttpError)}
    told = set(rows(section(OF_A_JOB), "code"))
    assert told == codes - NEVER_SEEN - {InvalidRequest.code}


def test_the_status_of_an_error_is_the_one_documented() -> None:
    told = {code: int(row["status"]) for code, row in rows(section(OF_A_REQUEST), "code").items()}
    for kind in HttpError.__subclasses__():
        if kind.code not in NEVER_SEEN:
            assert told.pop(kind.code) == kind.status
    assert told.pop(METHOD_NOT_ALLOWED) == 405
    assert told.pop(DarkroomError.code) == http_status(DarkroomError()) == 500
    assert set(told.values()) == {http_status(InvalidRequest("x"))}


def test_the_status_of_what_ends_an_explanation_is_the_one_documented() -> None:
    told = {
        code: int(status)
        for status, row in rows(section("POST /explain"), "status").items()
        for code in re.findall(r"`(\w+)`", row["codes"])
    }
    kinds = {kind.code: kind for kind in errors() if kind.code in told}
    assert set(told) == set(kinds)
    for code, kind in kinds.items():
        assert told[code] == http_status(kind.__new__(kind)), code


def test_whether_it_helps_to_try_again_is_documented() -> None:
    retryable = {kind.code for kind in errors() if kind.retryable}
    assert retryable
    for title in (OF_A_REQUEST, OF_A_JOB):
        for code, row in rows(section(title), "code").items():
            assert row["retryable"] == ("yes" if code in retryable else "no"), code


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    told = [
        f"{name} {row['default'].strip('`')} {row['meaning']}".split()
        for name, row in rows(SETTINGS, "variable").items()
    ]
    assert sorted(told) == sorted(line.split() for line in describe_settings().splitlines())


def test_every_setting_that_a_page_names_exists() -> None:
    known = {variable(field) for field in Settings.__struct_fields__}
    for page in (ROOT / "docs").rglob("*.md"):
        named = set(re.findall(r"\bDARKROOM_[A-Z][A-Z_]*[A-Z]\b", page.read_text()))
        assert named <= known, page.name


def test_the_limits_are_those_of_the_settings() -> None:
    defaults = {variable(field.name): field.default for field in msgspec.structs.fields(Settings)}
    table = rows(section("Limits"), "setting")
    assert table
    for name, row in table.items():
        assert float(row["default"].replace(",", "")) == defaults[name], name


def test_the_times_in_the_text_are_those_of_the_settings() -> None:
    defaults = Settings(database_url="x", redis_url="x")
    assert f"each may take {defaults.explain_seconds:g} seconds" in section("POST /explain")
    assert f"renders for at most {defaults.preview_seconds:g} seconds" in section("POST /preview")
    assert f"any 2xx within {defaults.callback_seconds:g} seconds" in section("Callbacks")
    assert f"remembered for {defaults.idempotency_hours} hours" in section("Idempotency")
    ports = defaults.callback_ports.replace(",", " and ")
    assert f"the ports {ports}" in section("Callbacks")
