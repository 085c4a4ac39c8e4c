"""Darkroom's engine, as the service uses it."""

import json

from bench.contenders.protocol import Batch, serve
from engine import Job, Output, Source, Stats, input_keys, parse, render
from engine.vips.binding import LIBVIPS_VERSION


def jobs_of(batch: Batch) -> list[Job]:
    """Read the jobs as a client's request is read."""
    bodies = (
        {"destination": job.path.name, "quality": job.quality, "transformations": job.steps}
        for job in batch.jobs
    )
    return [parse(json.dumps(body).encode(), Job) for body in bodies]


def inputs_of(batch: Batch, jobs: list[Job]) -> dict[str, Source]:
    """Open the watermarks."""
    return {key: Source.from_path(batch.beside(key)) for key in input_keys(jobs)}


def perform(batch: Batch) -> dict[str, object]:
    """Render the batch; returns what was counted."""
    jobs, stats = jobs_of(batch), Stats()
    source = Source.from_path(batch.source)
    for index, result in render(source, jobs, inputs=inputs_of(batch, jobs), stats=stats):
        if not isinstance(result, Output):
            raise result
        batch.jobs[index].path.write_bytes(result.data)
    return {
        "decode_passes": stats.decode_passes,
        "pixels_decoded": stats.pixels_decoded,
        "vips_operations": stats.vips_operations,
    }


if __name__ == "__main__":
    serve(f"libvips {LIBVIPS_VERSION}", perform)
