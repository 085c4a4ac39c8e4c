"""The engine as a renderer of orders."""

from engine import InvalidRequest, Job, Output, Source, Stats, parse, read_facts, render
from service.sandbox.order import Answers, Order, Picture
from service.sandbox.work import Summary


def render_order(order: Order) -> Answers:
    """Render the jobs of an order with the engine."""
    jobs: dict[int, Job] = {}
    for index, words in enumerate(order.jobs):
        try:
            jobs[index] = parse(words, Job)
        except InvalidRequest as error:  # it was fine when it was accepted, by another version
            yield index, error
    source = Source.from_fd(order.source)
    facts = read_facts(source, order.limits)
    stats = Stats()
    indexes = tuple(jobs)
    for place, outcome in render(source, [*jobs.values()], limits=order.limits, stats=stats):
        yield indexes[place], _picture(outcome) if isinstance(outcome, Output) else outcome
    return Summary(
        source_format=facts.format.value,
        source_pixels=facts.size.pixels * facts.frames,
        decode_passes=stats.decode_passes,
        pixels_decoded=stats.pixels_decoded,
    )


def _picture(output: Output) -> Picture:
    return Picture(
        data=output.data,
        format=output.format.value,
        width=output.width,
        height=output.height,
        frames=output.frames,
        content_type=output.content_type,
    )
