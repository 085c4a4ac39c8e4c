"""The colours of an image: the mean, and a few dominant ones."""

import numpy as np

from engine.describe.pixels import Array, to_linear

MOST = 6  # colours
LEVELS = 16  # of a channel, by which pixels are counted
ROUNDS = 10  # of k-means
ALIKE = 0.05  # distance in Oklab below which two colours are one
LEAST_SHARE = 0.01  # of the visible pixels
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def average(rgba: Array) -> str | None:
    """Return the mean of the code values, each pixel as much as it covers; None if none does."""
    cover = rgba[:, :, 3:]
    if not cover.sum():
        return None
    return _written((rgba[:, :, :3] * cover).sum((0, 1)) / cover.sum())


def palette(rgba: Array) -> tuple[str, ...]:
    """Return at most 6 colours, the one of most pixels first; none if nothing is visible.

    They are the means of clusters: k-means in Oklab (Ottosson, 2020), begun with the most common
    of 4096 colours and then those that are most common and farthest from what is there.
    """
    colours, weights = _counted(rgba)
    if not len(colours):
        return ()
    places = _oklab(colours)
    centres = _begun(places, weights)
    for _ in range(ROUNDS):
        _, means = _means(places, weights, _nearest(places, centres))
        centres = _apart(means)
    shares, means = _means(colours, weights, _nearest(places, centres))
    order = [at for at in np.argsort(-shares, kind="stable") if shares[at] >= LEAST_SHARE]
    return tuple(dict.fromkeys(_written(means[at]) for at in order))


def _counted(rgba: Array) -> tuple[Array, Array]:
    """Return the mean colour of each of 4096 boxes that has pixels, and its share of them."""
    pixels = rgba.reshape(-1, 4)
    visible = pixels[pixels[:, 3] > 0]
    box = np.minimum((visible[:, :3] * LEVELS).astype(int), LEVELS - 1) @ [LEVELS**2, LEVELS, 1]
    _, number = np.unique(box, return_inverse=True)
    weights: Array = np.bincount(number, visible[:, 3]).astype(float)
    sums = [np.bincount(number, visible[:, 3] * visible[:, band]) for band in range(3)]
    colours = np.stack(sums, 1) / weights[:, None] if len(weights) else np.empty((0, 3))
    return colours, weights / (weights.sum() or 1)


def _begun(places: Array, weights: Array) -> Array:
    """Choose where clusters begin."""
    chosen = [int(weights.argmax())]
    while len(chosen) < MOST:
        far = np.min([((places - places[at]) ** 2).sum(1) for at in chosen], 0)
        following = int((far * weights).argmax())
        if far[following] < ALIKE**2:
            break
        chosen.append(following)
    return places[chosen]


def _nearest(places: Array, centres: Array) -> Array:
    """Return which clusters each colour belongs to: colours × clusters, 0 or 1."""
    far = ((places[:, None] - centres) ** 2).sum(2)
    belongs: Array = (far.argmin(1)[:, None] == np.arange(len(centres))).astype(float)
    return belongs


def _means(values: Array, weights: Array, belongs: Array) -> tuple[Array, Array]:
    """Return the share and the mean of each cluster that is not empty."""
    parts = belongs * weights[:, None]
    shares = parts.sum(0)
    found = shares > 0
    return shares[found], parts.T[found] @ values / shares[found, None]


def _apart(centres: Array) -> Array:
    """Leave out what is like one before it."""
    kept: list[Array] = []
    for centre in centres:
        if all(((centre - other) ** 2).sum() >= ALIKE**2 for other in kept):
            kept.append(centre)
    return np.array(kept)


def _oklab(colours: Array) -> Array:
    place: Array = np.cbrt(to_linear(colours) @ TO_LMS.T) @ TO_LAB.T
    return place


def _written(colour: Array) -> str:
    return "#" + bytes(int(value * 255 + 0.5) for value in colour.tolist()).hex()
