"""vipsthumbnail: one command an output; it knows nothing but scaling and cutting."""

from bench.contenders.programs import find, run
from bench.contenders.protocol import Batch, Cannot, Job, serve

TALL = 10_000_000  # as good as no limit


def perform(batch: Batch) -> None:
    """Do each job by a command of its own."""
    for job in batch.jobs:
        run(PROGRAM, batch.source, *arguments_of(job))


def arguments_of(job: Job) -> list[object]:
    """Return vipsthumbnail's arguments for a job."""
    quality = "" if job.path.suffix == ".png" else f"[Q={job.quality}]"
    output = ["-o", f"{job.path}{quality}"]
    match job.steps:
        case [{"type": "resize", "width": width}]:
            return ["--size", f"{width}x{TALL}", *output]
        case [{"type": "crop" | "fitmethod", "width": width, "height": height} as step]:
            if step.get("fit_type", "cropbox") == "cropbox":
                return ["--size", f"{width}x{height}", "--smartcrop", "centre", *output]
    raise Cannot("it scales and cuts, nothing else")


if __name__ == "__main__":
    PROGRAM, VERSION = find("vipsthumbnail", said="vips", install="apt-get install libvips-tools")
    serve(VERSION, perform)
