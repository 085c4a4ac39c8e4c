"""Blurs with integer arithmetic, and wide blurs on a reduced image.

A Gaussian in floats takes 3 s for 12 MP at σ 10 and grows with σ; integers take a twentieth
of that, and a reduced image takes the same time whatever σ is.
"""

from math import log2

from engine.ir import Blur, Frame, Node, Plan

MIN_INTEGER_SIGMA = 1  # below which 8-bit weights are too coarse
MIN_REDUCED_SPREAD = 24  # from which a reduced image is faster
MIN_SPREAD_LEFT = 6  # pixels of spread on the reduced image


def approximate_blur(plan: Plan) -> Plan:
    """Choose for each blur how it is computed, by its σ and the image's size."""
    nodes = (
        _approximated(node, frame) for node, frame in zip(plan.nodes, plan.frames, strict=True)
    )
    return plan.with_nodes(tuple(nodes))


def _approximated(node: Node, frame: Frame) -> Node:
    if not isinstance(node, Blur):
        return node
    spread = min(node.sigma, node.radius / 3)  # a short radius makes a narrow box of it
    if spread >= MIN_REDUCED_SPREAD:
        # libvips' averages of other than powers of two pixels come out too dark.
        return Blur(node.sigma, node.radius, shrink=1 << int(log2(spread / MIN_SPREAD_LEFT)))
    # Where the kernel is longer than the image, its ends hold too much for 8-bit weights.
    fits = node.sigma >= MIN_INTEGER_SIGMA and node.radius <= min(frame.size)
    return Blur(node.sigma, node.radius, integers=fits)
