"""Darkroom's engine without its passes: each job exactly as written, from a decode of its own.

This is the reference: what every other contender's images are compared with.
"""

from bench.contenders.darkroom import inputs_of, jobs_of
from bench.contenders.protocol import Batch, serve
from engine import Source, read_facts
from engine.expand import Resolved, expand
from engine.lower import LoweringContext, lower
from engine.vips import codecs
from engine.vips.binding import LIBVIPS_VERSION


def perform(batch: Batch) -> None:
    """Carry out each job's plan as it was written."""
    jobs = jobs_of(batch)
    source, inputs = Source.from_path(batch.source), inputs_of(batch, jobs)
    facts = read_facts(source)
    known = Resolved({key: read_facts(found) for key, found in inputs.items()})
    for job, output in zip(jobs, batch.jobs, strict=True):
        plan = expand(job, facts, resolved=known)
        [image] = lower(plan, LoweringContext(source, inputs))
        output.path.write_bytes(codecs.encode(image, plan.save))


if __name__ == "__main__":
    serve(f"libvips {LIBVIPS_VERSION}", perform)
