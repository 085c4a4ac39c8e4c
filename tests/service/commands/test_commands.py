"""The command line as operators and scripts use it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from service.cli import main
from service.settings import as_environment
from service.store import migrate, open_store
from tests.fonts import font_named

PHOTOS = Path(__file__).parent.parent.parent / "data" / "photos"

JOBS = [
    {"destination": "/small/a.jpg", "transformations": [{"type": "resize", "width": 64}]},
    {"destination": "b.png", "transformations": [{"type": "rotate", "degrees": 90}]},
]


def darkroom(*arguments: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Run a command that ends by itself, in this process: to start one takes a second."""
    if "fonts" in settings or "--fonts" in arguments:  # they stay for the life of a process
        return started(*arguments, **settings)
    fresh = dict.fromkeys(name for name in os.environ if name.startswith("DARKROOM_"))
    result = CliRunner().invoke(main, arguments, env={**fresh, **as_environment(settings)})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(
        arguments, result.exit_code, result.stdout_bytes.decode(), result.stderr
    )


def started(*arguments: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**clean, **as_environment(settings)},
    )


def written(tmp_path: Path, jobs: object) -> Path:
    file = tmp_path / "jobs.json"
    file.write_text(jobs if isinstance(jobs, str) else json.dumps(jobs))
    return file


def explain(
    tmp_path: Path, jobs: object, *options: str, **settings: object
) -> "subprocess.CompletedProcess[str]":
    file = str(written(tmp_path, jobs))
    return darkroom("explain", "chelsea.png", file, "--root", str(PHOTOS), *options, **settings)


def process(tmp_path: Path, jobs: object, source: str = "chelsea.png") -> tuple[int, Any, str]:
    arguments = source, str(written(tmp_path, jobs)), "--root", str(PHOTOS)
    ended = darkroom("process", *arguments, "--out", str(tmp_path / "out"))
    results = json.loads(ended.stdout) if ended.stdout else None
    return ended.returncode, results, ended.stderr


def test_the_help_lists_the_commands_by_what_they_are_for() -> None:
    lines = darkroom("--help").stdout.splitlines()
    assert "  To look into a running one: processes, callbacks" in lines
    assert any(line.startswith("  worker ") for line in lines)


def test_process_writes_every_destination_under_out(tmp_path: Path) -> None:
    status, results, _ = process(tmp_path, JOBS)
    assert status == 0
    assert [result["status"] for result in results] == ["DONE", "DONE"]
    assert [(r["width"], r["height"]) for r in results] == [(64, 43), (300, 451)]
    with Image.open(tmp_path / "out" / "small" / "a.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (64, 43))


def test_process_takes_a_whole_request_body(tmp_path: Path) -> None:
    body = {"service_id": 1, "source": "elsewhere.jpg", "callback": "https://x.test/", "jobs": JOBS}
    status, results, _ = process(tmp_path, body)
    assert (status, len(results)) == (0, 2)


def test_process_reports_a_failed_job_and_does_the_others(tmp_path: Path) -> None:
    beside = {"type": "crop", "width": 10, "height": 10, "xoffset": 9000, "fit": False}
    jobs = [{"destination": "no.jpg", "transformations": [beside]}, *JOBS]
    status, results, _ = process(tmp_path, jobs)
    assert status == 1
    assert [result["status"] for result in results] == ["FAILED", "DONE", "DONE"]
    assert results[0]["error"]["code"] == "transformation_failed"
    assert "outside" in results[0]["error"]["message"]


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ([{"destination": "a.jpg", "transformations": [{"type": "cropp"}]}], "did you mean 'crop'"),
        ({"source": "x"}, "jobs: expected an array, got nothing"),
        ([{"destination": "../a.jpg", "transformations": []}], "inside the storage"),
    ],
)
def test_process_rejects_invalid_jobs(tmp_path: Path, jobs: object, words: str) -> None:
    status, results, errors = process(tmp_path, jobs)
    assert (status, results) == (2, None)
    assert words in errors
    assert "Traceback" not in errors


def test_a_watermark_is_read_under_the_root_and_a_missing_one_fails_its_job(
    tmp_path: Path,
) -> None:
    def marked(source: str) -> dict[str, object]:
        mark = {"type": "watermark", "source": source, "width": 40, "gravity": "southeast"}
        return {"destination": f"{source}.jpg", "transformations": [mark]}

    status, results, _ = process(tmp_path, [marked("coffee.png"), marked("gone.png")])
    assert status == 1
    assert [result["status"] for result in results] == ["DONE", "FAILED"]
    assert results[1]["error"]["code"] == "source_not_found"


def test_process_rejects_a_missing_source(tmp_path: Path) -> None:
    status, _, errors = process(tmp_path, JOBS, source="nowhere.jpg")
    assert status == 2
    assert f"nowhere.jpg: no such file in {PHOTOS.resolve()} (--root)" in errors


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('[\n {"destination": }]', "invalid character at line 2, column 18"),
        ('{"jobs": [\n {}]', "an end too early at line 2, column 5"),
        ("service_id=1", "invalid character at line 1, column 1"),
        ("[1e999]", "number out of range - at `$[0]`"),
        ("3", "3"),
        (" \n", "an empty file"),
    ],
)
def test_jobs_that_are_not_json_are_reported_with_their_position(
    tmp_path: Path, body: str, found: str
) -> None:
    file = str(written(tmp_path, body))
    ended = darkroom("process", "chelsea.png", file, "--out", str(tmp_path / "out"))
    expected = "JOBS: expected a request or its array of jobs as JSON"
    assert (ended.returncode, ended.stderr) == (2, f"{expected}, got {found}\n")


def test_jobs_nested_too_deep_are_refused(tmp_path: Path) -> None:
    ended = explain(tmp_path, "[" * 100_000)
    message = "JOBS: expected JSON nested at most 32 deep, got deeper\n"
    assert (ended.returncode, ended.stderr) == (2, message)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "small").write_text("in the way of small/a.jpg")
    status, results, errors = process(tmp_path, JOBS)
    assert (status, results) == (2, None)
    assert str(tmp_path / "out" / "small") in errors
    assert "Traceback" not in errors


def test_an_unavailable_database_is_named(tmp_path: Path) -> None:
    nowhere = {"database_url": "postgresql://u@127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1"}
    for command in ("migrate", "serve", "worker"):
        ended = darkroom(command, port=0, metrics_port=0, worker_nice=0, **nowhere)
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1].startswith("The database cannot be reached: ")
        assert "DARKROOM_DATABASE_URL" in ended.stderr


def test_explain_shows_the_plan_as_text_json_and_diagram(tmp_path: Path) -> None:
    text = explain(tmp_path, JOBS)
    assert text.returncode == 0
    assert "451×300" in text.stdout
    data, diagram = (explain(tmp_path, JOBS, "--format", form) for form in ("json", "svg"))
    assert len(json.loads(data.stdout)["jobs"]) == 2
    assert diagram.stdout.startswith("<svg ")


def test_invalid_settings_are_all_named_at_once() -> None:
    ended = started("serve", port="many", shoe_size=43)
    assert ended.returncode == 2
    for name in ("DATABASE_URL", "REDIS_URL", "PORT", "SHOE_SIZE"):
        assert f"DARKROOM_{name}:" in ended.stderr


def test_settings_lists_them_all() -> None:
    ended = darkroom("settings")
    assert ended.returncode == 0
    assert "DARKROOM_MAX_SOURCE_BYTES" in ended.stdout


def test_services_are_added_changed_and_shut_out(database: str, tmp_path: Path) -> None:
    settings = {"database_url": database, "redis_url": "unix:///nowhere"}
    early = darkroom("services", "list", **settings)
    assert "darkroom migrate" in early.stderr
    assert "applied 0001_first" in darkroom("migrate", **settings).stdout
    assert "nothing to do" in darkroom("migrate", **settings).stdout

    place = tmp_path.as_uri()
    added = darkroom("services", "add", "shop", "--storage", place, **settings)
    service = json.loads(added.stdout)
    assert service["token"].startswith("drk_")
    assert service["webhook_secret"].startswith("whsec_")
    number = str(service["service_id"])
    assert len((tmp_path / ".darkroom").read_text().strip()) == 32
    assert "already" in darkroom("services", "add", "shop", "--storage", place, **settings).stderr
    missing = (tmp_path / "missing").as_uri()
    refused = darkroom("services", "add", "other", "--storage", missing, **settings)
    assert (refused.returncode, "storage_misconfigured" in refused.stderr) == (1, True)

    kept = ("--metadata", "shop=one", "--cache-control", "no-cache")
    elsewhere = darkroom(
        "services", "set-storage", number, "s3://bucket", *kept, "--no-check", **settings
    )
    assert elsewhere.returncode == 0, elsewhere.stderr
    on_folder = darkroom("services", "set-storage", number, place, *kept, **settings)
    assert "a folder keeps nothing with a file" in on_folder.stderr
    spoiled = darkroom("services", "set-storage", number, place, "--acl", "everybody", **settings)
    assert (spoiled.returncode, "expected one of private" in spoiled.stderr) == (2, True)
    ignoring = darkroom("services", "set-storage", number, place, "--ignore-store", **settings)
    assert ignoring.returncode == 0, ignoring.stderr

    rotated = darkroom("services", "rotate-token", number, **settings)
    assert json.loads(rotated.stdout)["token"] != service["token"]
    assert darkroom("services", "disable", number, **settings).returncode == 0
    assert darkroom("services", "set-weight", number, "2.5", **settings).returncode == 0
    assert darkroom("services", "set-weight", number, "0", **settings).returncode == 2
    listed = json.loads(darkroom("services", "list", "--json", **settings).stdout)
    assert listed == {
        "id": int(number),
        "name": "shop",
        "storage_url": place,
        "jobs_a_minute": None,
        "weight": 2.5,
        "disabled": True,
        "tokens": 2,
        "source_hosts": [],
    }
    head, row = darkroom("services", "list", **settings).stdout.splitlines()
    assert head.split()[:4] == ["id", "name", "disabled", "weight"]
    assert row.split()[:4] == [number, "shop", "yes", "2.5"]
    assert "no service 99" in darkroom("services", "disable", "99", **settings).stderr


def test_a_worker_does_not_start_with_fonts_that_cannot_be_used(tmp_path: Path) -> None:
    urls = {"database_url": "postgresql://x@127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1"}
    ended = started("worker", **urls, fonts=tmp_path / "nowhere")
    assert ended.returncode == 2
    assert "Invalid settings:" in ended.stderr
    assert f"DARKROOM_FONTS: {tmp_path}/nowhere: expected a folder of fonts" in ended.stderr


def test_fonts_lists_what_is_there_and_draws_it(tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    path = font_named(tmp_path / "fonts", "Corporate")
    sheet = tmp_path / "sheet.png"
    ended = darkroom("fonts", "--sample", str(sheet), fonts=tmp_path / "fonts")
    assert (ended.returncode, ended.stderr) == (0, "")
    blocks = dict(re.findall(r"^(\S.*)\n((?:    .*\n)+)", ended.stdout, re.MULTILINE))
    assert list(blocks)[-1] == "Corporate"
    assert f"from     {path}\n" in blocks["Corporate"]
    arial = blocks["Liberation Sans = Arial = Helvetica"]
    assert "styles   Regular, Bold, Italic\n" in arial
    assert "scripts  Latin, Greek, Cyrillic, Hebrew\n" in arial
    assert "from     shipped\n" in arial
    with Image.open(sheet) as image:
        rows = np.asarray(image.convert("L")).min(axis=1) < 128
    lines = int((np.diff(rows.astype(int)) == 1).sum())
    faces = sum(block.split("\n")[0].count(",") + 1 for block in blocks.values())
    assert lines >= faces + 16, "a line for each face, then one for each script"


def test_commands_take_an_operator_s_fonts(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    font_named(fonts, "Corporate")
    text = {"type": "annotation", "text": "x", "font": "Corporate"}
    jobs = [{"destination": "a.png", "transformations": [text]}]
    assert '"x" Corporate 12' in explain(tmp_path, jobs, fonts=fonts).stdout
    assert "unknown_font" in explain(tmp_path, jobs).stdout
    wrong = darkroom("fonts", "--fonts", str(tmp_path / "jobs.json"))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "expected a folder of fonts" in wrong.stderr


def test_the_hosts_of_sources_are_set(database: str) -> None:
    asyncio.run(migrate(database))
    asyncio.run(_add_service(database))
    env = as_environment({"database_url": database, "redis_url": "unix:///nowhere"})

    def services(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["services", *arguments], env=env)
        return result.exit_code, result.output

    assert services("set-source-hosts", "1", "*.B.example", "a.example") == (0, "")
    assert json.loads(services("list", "--json")[1])["source_hosts"] == ["*.b.example", "a.example"]
    assert "expected a host" in services("set-source-hosts", "1", "https://a.example")[1]
    assert services("set-source-hosts", "1") == (0, "")
    assert json.loads(services("list", "--json")[1])["source_hosts"] == []
    assert services("set-source-hosts", "2") == (
        1,
        "There is no service 2; `darkroom services list` lists all.\n",
    )


def test_presets_are_put_shown_and_deleted(database: str) -> None:
    asyncio.run(migrate(database))
    env = as_environment({"database_url": database, "redis_url": "unix:///nowhere"})

    def presets(*arguments: str, stdin: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(main, ["presets", *arguments], input=stdin, env=env)
        return result.exit_code, result.output

    assert presets("put", "1", "small", stdin="{}")[0] == 2
    assert "no service 1" in presets("put", "1", "small", stdin='{"quality": 7}')[1]
    asyncio.run(_add_service(database))
    assert presets("put", "1", "small", stdin='{"quality": 7}') == (0, "")
    status, shown = presets("show", "1", "small")
    assert (status, json.loads(shown)) == (0, {"quality": 7})
    assert presets("put", "1", "copy", stdin=shown) == (0, "")
    lines = presets("list", "1", "--json")[1].splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["copy", "small"]
    assert presets("delete", "1", "small") == (0, "")
    for command in ("show", "delete"):
        assert presets(command, "1", "small") == (1, "Service 1 has no preset 'small'.\n")


async def _add_service(database: str) -> None:
    async with open_store(database, size=1) as store:
        await store.services.add(
            name="shop", storage_url="file:///x", storage_options={}, webhook_secret="s",
            token_hash=bytes(32),
        )  # fmt: skip
