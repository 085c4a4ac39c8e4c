"""Adapts the engine to the renderer that a child calls."""

import time

from engine import InvalidRequest, Job, Output, Source, Stats, parse, render
from service.sandbox.child.order import Answers, EncodedImage, Order
from service.sandbox.protocol import Summary


def render_order(order: Order) -> Answers:
    """Render the jobs of an order with the engine."""
    jobs: dict[int, Job] = {}
    for index, body in enumerate(order.jobs):
        try:
            jobs[index] = parse(body, Job)
        except InvalidRequest as error:  # it was fine when it was accepted, by another version
            if index in order.wanted:
                yield index, error
    stats = Stats(clock=time.perf_counter)
    indexes = tuple(jobs)
    outcomes = render(
        Source.from_fd(order.source),
        tuple(jobs.values()),
        inputs={key: Source.from_fd(fd) for key, fd in order.inputs.items()},
        limits=order.limits,
        stats=stats,
        threads=order.threads,
        admit=order.admit,
        wanted=[place for place, index in enumerate(indexes) if index in order.wanted],
    )
    for place, outcome in outcomes:
        yield indexes[place], _encoded(outcome) if isinstance(outcome, Output) else outcome
    return _summary(stats)


def _summary(stats: Stats) -> Summary:
    facts = stats.source
    return Summary(
        source_format=facts.format.value if facts else "",
        source_pixels=facts.size.pixels * facts.frames if facts else 0,
        decode_passes=stats.decode_passes,
        pixels_decoded=stats.pixels_decoded,
        plan_seconds=stats.plan_seconds,
        plans_reused=stats.plans.hits,
        plans_made=stats.plans.misses,
        predicted_memory_bytes=stats.predicted_bytes,
        predicted_seconds=stats.predicted_seconds,
    )


def _encoded(output: Output) -> EncodedImage:
    return EncodedImage(
        data=output.data,
        format=output.format.value,
        width=output.width,
        height=output.height,
        frames=output.frames,
        content_type=output.content_type,
        damaged=output.damaged,
        description=output.description,
    )
