"""Presets in their place: what comes of a request, and where its errors are."""

import json
from typing import Any

import pytest

from engine.errors import InvalidRequest
from engine.schema import Limits
from service.http import CreateProcess
from service.presets import RawDefinition, read_draft

RESIZE, FLIP = {"type": "resize", "width": 9}, {"type": "flip", "direction": "x"}
SAVED: dict[str, dict[str, Any]] = {
    "small": {"transformations": [RESIZE, FLIP], "quality": 30, "background": "#000"},
    "quick": {"options": {"trellis": True}, "quality": 40},
    "none": {"transformations": []},
    "near": {"quality": "auto", "min_ssim": 0.9, "format": "webp", "keep": ["copyright"]},
    "wide": {"transformations": [RESIZE] * 5},
}
LIMITS = Limits(max_transformations=9)
Words = dict[str, Any]


def request(*jobs: Any) -> bytes:
    return json.dumps({"service_id": 1, "source": "a.png", "jobs": jobs}).encode()


def job(*steps: Any, **fields: Any) -> Words:
    transformations = {"transformations": list(steps)} if steps else {}
    return {"destination": "b.jpg", **transformations, **fields}


def step(name: str) -> Words:
    return {"type": "preset", "name": name}


def expanded(*jobs: Words, max_bytes: int = 10_000) -> Any:
    """Expand and validate a request; gives its jobs, as JSON."""
    draft = read_draft(request(*jobs))
    assert draft is not None
    found = {name: RawDefinition.of(json.dumps(words)) for name, words in SAVED.items()}
    made = draft.expand(found, LIMITS, max_bytes)
    made.parse(CreateProcess, LIMITS)
    return json.loads(made.body)["jobs"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (job(preset="small"), job(RESIZE, FLIP, quality=30, background="#000")),
        (job(preset="small", quality=80), job(RESIZE, FLIP, quality=80, background="#000")),
        (job(FLIP, preset="small"), job(FLIP, quality=30, background="#000")),
        (job(preset="small", transformations=[]),
         job(transformations=[], quality=30, background="#000")),
        (job(FLIP, preset="quick"), job(FLIP, options={"trellis": True}, quality=40)),
        (job(FLIP, preset="quick", options={"optimize": True}),
         job(FLIP, options={"optimize": True}, quality=40)),
        (job(step("small"), RESIZE, step("small")), job(RESIZE, FLIP, RESIZE, RESIZE, FLIP)),
        (job(RESIZE, step("none")), job(RESIZE)),
        (job(FLIP, preset="near"),
         job(FLIP, quality="auto", min_ssim=0.9, format="webp", keep=["copyright"])),
        (job(FLIP, preset="near", quality=60, keep=[]),
         job(FLIP, quality=60, format="webp", keep=[])),
        (job(FLIP, preset="near", min_ssim=0.8, format="avif"),
         job(FLIP, quality="auto", min_ssim=0.8, format="avif", keep=["copyright"])),
        (job(step("small"), preset="quick", options={}),
         job(RESIZE, FLIP, options={}, quality=40)),
    ],
)  # fmt: skip
def test_what_it_stands_for(words: Words, expected: Words) -> None:
    plain = job(FLIP, destination="other.png")
    assert expanded(plain, words) == [plain, expected]


@pytest.mark.parametrize(
    ("words", "code", "path", "said"),
    [
        (job(FLIP, preset="near", format="png"), "invalid_request", "jobs[0].preset",
         'preset "near", quality: expected a result in jpeg, lossy webp or avif'),
        (job(preset="small", destination="b.psd"), "unsupported_format", "jobs[0].destination", ""),
        (job(FLIP, preset="quick", destination="b.png"), "invalid_request", "jobs[0].preset",
         "jobs[0].preset: preset \"quick\", options.trellis: 'trellis' is an option of jpeg"),
        (job(FLIP, {"type": "blur", "sigma": -1}, step("small")), "invalid_request",
         "jobs[0].transformations[1].sigma", "got -1"),
        (job(step("small"), step("wide"), {"type": "blur", "sigma": -1}), "invalid_request",
         "jobs[0].transformations[2].sigma", "jobs[0].transformations[2].sigma: expected a number"),
        (job(step("small"), {"type": "blurr"}), "unknown_transformation",
         "jobs[0].transformations[1].type", "did you mean 'blur'"),
        (job(preset="quick"), "missing_field", "jobs[0].transformations", "got nothing"),
        (job(step("quick")), "invalid_request", "jobs[0].transformations[0]",
         'preset "quick" has no transformations'),
        (job(step("wide"), step("wide")), "limit_exceeded", "jobs[0].transformations[1]",
         "at most 9 transformations with all presets in their place"),
        (job(*[FLIP] * 8, step("small"), FLIP), "limit_exceeded", "jobs[0].transformations[8]", ""),
        (job(*[FLIP] * 8, step("none"), FLIP, FLIP), "limit_exceeded", "jobs[0].transformations",
         "got 10"),
        (job(step("a b")), "invalid_request", "jobs[0].transformations[0].name",
         "expected the name of a preset"),
        (job({"type": "preset"}), "missing_field", "jobs[0].transformations[0].name", ""),
        (job({**step("small"), "nmae": "x"}), "unknown_field", "jobs[0].transformations[0].nmae",
         "did you mean 'name'"),
        (job(preset=7), "invalid_request", "jobs[0].preset", "got 7"),
        (job(preset="small", qualty=7), "unknown_field", "jobs[0].qualty", "'quality'"),
    ],
)  # fmt: skip
def test_errors_are_where_the_client_wrote(words: Words, code: str, path: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        expanded(words)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.message.startswith(f"{path}: ")
    assert said in caught.value.message


def test_a_request_does_not_grow_without_end() -> None:
    with pytest.raises(InvalidRequest, match="at most 500 bytes") as caught:
        expanded(*[job(preset="wide")] * 5, max_bytes=500)
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize(
    "body",
    [
        request(job(FLIP)),
        request(job({"type": "annotation", "text": "a preset \u00e9"})),
        b'{"jobs": {"preset": "small"}}',
        b'[{"preset": "small"}]',
        b'{"jobs": [{"preset": "small"}',
        b'"preset"',
        b'{"jobs": [' + b"[" * 100_000 + b"preset",
        request("preset", 7, None, ["preset"]),
    ],
)
def test_what_names_no_preset_is_left_as_it_is(body: bytes) -> None:
    assert read_draft(body) is None


def test_a_job_that_is_none_is_left_to_the_validation() -> None:
    draft = read_draft(request(7, {"transformations": 7}, job(preset="none")))
    assert draft is not None
    assert draft.names == {"none"}
    made = draft.expand({"none": RawDefinition.of('{"transformations": []}')}, LIMITS, 1000)
    with pytest.raises(InvalidRequest, match=r"jobs\[0\]: expected an object, got 7"):
        made.parse(CreateProcess, LIMITS)


def test_a_letter_may_be_spelt_as_json_can() -> None:
    draft = read_draft(request(job(preset="sm")).replace(b"preset", b"\\u0070reset"))
    assert draft is not None
    assert draft.names == {"sm"}


@pytest.mark.parametrize(
    ("known", "hint"),
    [(["small", "large"], "did you mean 'small'?"), ([], "this service has none"),
     (["x", "a"], "this service has a, x")],
)  # fmt: skip
def test_an_unknown_name_is_answered_with_the_nearest(known: list[str], hint: str) -> None:
    draft = read_draft(request(job(FLIP), job(step("a"), step("smal"))))
    assert draft is not None
    error = draft.refuse({"a"}, known)
    assert (error.code, error.path) == ("unknown_preset", "jobs[1].transformations[1].name")
    assert error.message == f'{error.path}: unknown preset "smal"; {hint}'
