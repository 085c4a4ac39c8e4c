"""Models processor time: the seconds that one core works on plans, by themselves or merged.

Each node takes so many nanoseconds for each pixel that it reads or makes. The model is coarse, for
it decides between quick and slow: of photographs it is meant to be within three times what is
measured, and never to take for quick what lasts for seconds. How hard an image's own pixels are
is not in its header. `docs/decisions/0120` has figures.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import singledispatch

from engine.batch import MergedPlan
from engine.cost.codec_time import DRAWN_SECONDS, decoding, encoding
from engine.cost.idioms import rows_read
from engine.cost.memory_model import covered_bytes
from engine.ir import (
    Attention,
    Blur,
    Convolve,
    Decode,
    Enhance,
    Enlarge,
    Frame,
    Matrix,
    Node,
    Overlay,
    Plan,
    Resample,
    Rotate,
    Save,
    SelectiveBlur,
    Sharpen,
    TextLayer,
    ToSrgb,
    source_frame,
)
from engine.schema import Blend
from engine.sources import Facts, SourceFormat

NANO = 1e-9
CMYK = 4  # bands
ANY_JOB = 0.003  # seconds
ANY_TEXT = 0.03  # seconds for the glyphs of a layer
ANY_FRAME = 0.001  # seconds for each frame of an animation
PROFILE = 5.0  # nanoseconds of a profile's byte, which is copied each time that a file is opened
TAP, WHOLE_TAP = 12.0, 0.4  # nanoseconds of a weight, in floats and in whole numbers
WITH_ALPHA = 1.5  # times as long with alpha
TURNED = 60.0  # nanoseconds of a pixel that is rotated, with those that are made twice
BLENDED, COVERED = 130.0, 8.0  # of a pixel under a layer
ATTENTION, MEASURED = 70.0, 25.0  # of a pixel that is measured


def seconds_of(plan: Plan) -> float:
    """Predict the seconds of a plan by itself, to its file or to what is measured."""
    frames = plan.frames[0].pages
    seconds = ANY_JOB + ANY_FRAME * (frames - 1)
    seconds += _seconds_of_run(plan.nodes, source_frame(plan.facts), plan.facts)
    if plan.measurement is None:
        return seconds + _seconds_to_save(plan.save, plan.frame)
    each = ATTENTION if isinstance(plan.measurement, Attention) else MEASURED
    return seconds + NANO * each * plan.frame.size.pixels


def seconds_of_batch(
    plans: Mapping[int, Plan], merged: Iterable[MergedPlan], measuring: Iterable[Plan] = ()
) -> float:
    """Predict the seconds of a batch: what its merged plans share is done once.

    Plans that are not merged are executed alone, and so are the `measuring` plans.
    """
    trees = [(each, plans.keys() & each.jobs) for each in merged]
    shared = set[int]().union(*(jobs for _, jobs in trees))
    alone = [plan for index, plan in plans.items() if index not in shared]
    seconds = sum(map(seconds_of, [*alone, *measuring]))
    for tree, jobs in trees:
        if jobs:
            seconds += ANY_JOB * len(jobs)
            seconds += _seconds_of_tree(tree, plans[min(jobs)].facts, jobs)
    return seconds


def _seconds_of_tree(part: MergedPlan, facts: Facts, jobs: Collection[int]) -> float:
    """Predict the seconds of a part of a merged plan, and of all its readers that are `jobs`."""
    if part.jobs.isdisjoint(jobs):
        return 0
    seconds = _seconds_of_run(part.nodes, part.given, facts)
    saves = (save for job, save in part.saves.items() if job in jobs)
    seconds += sum(_seconds_to_save(save, part.frame) for save in saves)
    return seconds + sum(_seconds_of_tree(child, facts, jobs) for child in part.children)


def _seconds_of_run(nodes: Sequence[Node], given: Frame, facts: Facts) -> float:
    """Predict the seconds of nodes, one after the other, on each page that there is."""
    seconds, frame = 0.0, given
    for node in nodes:
        made = node.frame(frame)
        if isinstance(node, Decode):
            seconds += _seconds_to_decode(node, made, facts, nodes)
        else:
            seconds += NANO * made.pages * _nanoseconds(node, frame, made, facts)
        frame = made
    return seconds


def _seconds_to_decode(node: Decode, made: Frame, facts: Facts, nodes: Sequence[Node]) -> float:
    pixels = facts.size.pixels
    seconds = NANO * pixels * node.pages * decoding(facts, made.size.pixels / pixels)
    seconds += NANO * PROFILE * facts.profile_bytes
    if facts.format is SourceFormat.SVG:
        return DRAWN_SECONDS + facts.drawing_seconds + seconds
    if facts.format is SourceFormat.GIF and node.pages > 1:
        return 2 * seconds
    return seconds if facts.decoded_at_once else seconds * rows_read(nodes, made)


def _seconds_to_save(save: Save, frame: Frame) -> float:
    return NANO * encoding(save, frame) * frame.size.pixels * frame.pages


@singledispatch
def _nanoseconds(node: Node, given: Frame, made: Frame, facts: Facts) -> float:
    """Predict the nanoseconds of a node: those that look at a pixel or move it, cheap ones."""
    return 8 * _veiled(made) * made.size.pixels


@_nanoseconds.register
def _(node: ToSrgb, given: Frame, made: Frame, facts: Facts) -> float:
    if facts.bands == CMYK:
        return 85 * made.size.pixels
    return (25 if node.profile else 5) * made.size.pixels


@_nanoseconds.register
def _(node: Resample | Enlarge, given: Frame, made: Frame, facts: Facts) -> float:
    enlarged = made.size.pixels if made.height > given.height or isinstance(node, Enlarge) else 0
    return _veiled(given) * (5 * given.size.pixels + 10 * made.size.pixels + 20 * enlarged)


@_nanoseconds.register
def _(node: Matrix, given: Frame, made: Frame, facts: Facts) -> float:
    return 28 * made.size.pixels


@_nanoseconds.register
def _(node: Convolve, given: Frame, made: Frame, facts: Facts) -> float:
    return 20 * _veiled(made) * made.size.pixels


@_nanoseconds.register
def _(node: SelectiveBlur, given: Frame, made: Frame, facts: Facts) -> float:
    return 110 * made.size.pixels


@_nanoseconds.register
def _(node: Enhance, given: Frame, made: Frame, facts: Facts) -> float:
    return 640 * made.size.pixels


@_nanoseconds.register
def _(node: Blur, given: Frame, made: Frame, facts: Facts) -> float:
    if node.shrink > 1:
        taps = (2 * node.radius / node.shrink + 1) / node.shrink**2
        return _veiled(made) * (25 + TAP * taps) * made.size.pixels
    tap = WHOLE_TAP if node.integers else TAP
    return _veiled(made) * (10 + tap * (2 * node.radius + 1)) * made.size.pixels


@_nanoseconds.register
def _(node: Sharpen, given: Frame, made: Frame, facts: Facts) -> float:
    return _veiled(made) * (10 + TAP * (2 * node.radius + 1)) * made.size.pixels


@_nanoseconds.register
def _(node: Rotate, given: Frame, made: Frame, facts: Facts) -> float:
    return TURNED * made.size.pixels


@_nanoseconds.register
def _(node: Overlay, given: Frame, made: Frame, facts: Facts) -> float:
    layer = node.layer
    if isinstance(layer, TextLayer):
        prepared = ANY_TEXT / NANO + 20 * layer.drawn.pixels
    else:
        frame = source_frame(layer.facts)
        prepared = _seconds_of_run(layer.nodes, frame, layer.facts) / NANO
    each = COVERED if node.blend is Blend.OVER else BLENDED
    return prepared + each * covered_bytes(node, made) / 4 + 5 * made.size.pixels


def _veiled(frame: Frame) -> float:
    return WITH_ALPHA if frame.alpha else 1
