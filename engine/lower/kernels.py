"""The weights of the Gaussian blur, as ImageMagick makes them.

A kernel is a list of an odd number of weights whose middle is the pixel itself.
"""

from itertools import accumulate
from math import ceil, exp, floor

Kernel = list[float]


def gaussian(sigma: float, radius: int) -> Kernel:
    """Sample a Gaussian three times a pixel, `radius` pixels to either side; the sum is 1."""

    def value(place: float) -> float:
        return exp(-place * place / (2 * sigma * sigma))

    half = [value(tap - 1 / 3) + value(tap) + value(tap + 1 / 3) for tap in range(radius + 1)]
    total = 2 * sum(half) - half[0]
    return [half[abs(tap)] / total for tap in range(-radius, radius + 1)]


def folded(sigma: float, radius: int, side: int) -> Kernel:
    """Sample a Gaussian for an image with `side` pixels whose edges are replicated.

    A tap further out than the image is long always falls on an edge pixel, as the last
    one inside does; so its weight is added there.
    """
    if radius <= side:
        return gaussian(sigma, radius)
    whole = gaussian(sigma, radius)
    cut = radius - side
    inner = whole[cut:-cut]
    inner[0] += sum(whole[:cut])
    inner[-1] += sum(whole[-cut:])
    return inner


def coarsened(kernel: Kernel, factor: int) -> Kernel:
    """Return the weights of whole blocks of `factor` pixels, seen from a block's centre."""
    radius = len(kernel) // 2
    sums = [0.0, *accumulate(kernel)]

    def before(place: float) -> float:
        """Sum what lies left of a place, a pixel's weight spread over its width."""
        at = min(max(place + radius + 0.5, 0), len(kernel))
        whole = min(int(at), len(kernel) - 1)
        return sums[whole] + (at - whole) * kernel[whole]

    blocks = ceil((radius + 0.5) / factor - 0.5)
    return [
        before((block + 0.5) * factor) - before((block - 0.5) * factor)
        for block in range(-blocks, blocks + 1)
    ]


def in_whole_numbers(kernel: Kernel, total: int) -> list[int]:
    """Round a symmetrical kernel to whole numbers whose sum is `total` exactly.

    Pairs with the largest remainders are rounded up; the middle takes what is left.
    """
    exact = [weight * total for weight in kernel]
    whole = [floor(weight) for weight in exact]
    middle = len(kernel) // 2
    by_remainder = sorted(range(middle), key=lambda tap: whole[tap] - exact[tap])
    for tap in by_remainder[: (total - sum(whole)) // 2]:
        whole[tap] += 1
        whole[-1 - tap] += 1
    whole[middle] += total - sum(whole)
    return whole
