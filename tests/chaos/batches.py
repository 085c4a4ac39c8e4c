"""What is asked for, and the very bytes that must come of it, made by the engine alone."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import Output, Source, parse_batch, render
from tests.engine.images import encoded, noise, smooth

Json = dict[str, Any]

SOURCES = {
    "photo.jpg": encoded(noise(320, 240), "JPEG"),
    "drawing.png": encoded(smooth(300, 200)),
    "glass.png": encoded(smooth(160, 120, 4)),
    "mark.png": encoded(smooth(40, 30, 4)),
    "not-an-image.jpg": b"GIF? no.",
}


@dataclass(frozen=True)
class Batch:
    """A source and its jobs, without destinations."""

    source: str
    jobs: tuple[tuple[str, tuple[Json, ...]], ...]
    """Of each job the ending of its file, and its transformations."""
    error: str = ""
    """The code with which all its jobs must fail, if they must."""

    def request(self, folder: str) -> Json:
        """Return source and jobs as a client sends them."""
        jobs = [
            {"destination": f"{folder}/{index}.{ending}", "transformations": list(steps)}
            for index, (ending, steps) in enumerate(self.jobs)
        ]
        return {"source": self.source, "jobs": jobs}

    def expected(self) -> list[str]:
        """Render it here and give each job's SHA-256, or its error's code."""
        if self.error:
            return [self.error] * len(self.jobs)
        parsed = parse_batch(json.dumps(self.request("x")).encode()).jobs
        inputs = {"mark.png": Source.from_bytes(SOURCES["mark.png"])}
        found = dict(render(Source.from_bytes(SOURCES[self.source]), parsed, inputs=inputs))
        return [_sha256(found[index]) for index in range(len(parsed))]


def _sha256(result: object) -> str:
    assert isinstance(result, Output), result
    return hashlib.sha256(result.data).hexdigest()


def _resized(width: int) -> tuple[Json, ...]:
    return ({"type": "resize", "width": width},)


BATCHES = (
    Batch("photo.jpg", (("jpg", _resized(120)),)),
    Batch("photo.jpg", tuple(("png", _resized(width)) for width in (200, 100, 50))),
    Batch("drawing.png", (("webp", _resized(90)), ("png", ({"type": "flip", "direction": "y"},)))),
    Batch("drawing.png", (("png", ({"type": "rotate", "degrees": 90}, *_resized(64))),)),
    Batch(
        "glass.png", (("png", ({"type": "blur", "sigma": 2, "radius": 6},)), ("jpg", _resized(80)))
    ),
    Batch("drawing.png", (("png", ({"type": "watermark", "source": "mark.png"},)),)),
    Batch("missing.png", (("png", _resized(10)),), error="source_not_found"),
    Batch("not-an-image.jpg", (("png", _resized(10)),), error="unsupported_format"),
)


def put_sources(folder: Path) -> None:
    """Write every source that exists."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SOURCES.items():
        (folder / name).write_bytes(data)
