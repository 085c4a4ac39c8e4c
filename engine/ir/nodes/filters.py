"""Nodes that read a pixel's neighbours."""

# ruff: noqa: D102 - frame, access, halo and detail are described once, in Node

from engine.ir.plan import Locality, Node

Mask = tuple[int, int, int, int, int, int, int, int, int]


class Convolve(Node, frozen=True):
    """A 3 × 3 mask, row by row, as GD applies it: ``sum / divisor + offset``.

    Edges are replicated, colours are straight, clear pixels count as black, alpha stays.
    """

    locality = Locality.NEIGHBOURHOOD
    mask: Mask
    divisor: int = 1
    offset: int = 0

    @property
    def halo(self) -> int:
        return 1

    @property
    def detail(self) -> str:
        rows = (self.mask[at : at + 3] for at in (0, 3, 6))
        mask = "/".join(" ".join(map(str, row)) for row in rows)
        return f"{mask}, ÷{self.divisor} {self.offset:+d}"


class SelectiveBlur(Node, frozen=True):
    """Mean of the 3 × 3 neighbours, each weighted by how near its value is. Alpha stays."""

    locality = Locality.NEIGHBOURHOOD

    @property
    def halo(self) -> int:
        return 1


class Enhance(Node, frozen=True):
    """Noise reduction: weighted mean of those in a 5 × 5 window whose colour is near."""

    locality = Locality.NEIGHBOURHOOD

    @property
    def halo(self) -> int:
        return 2


class Sharpen(Node, frozen=True):
    """An unsharp mask, in floats: ``v + amount · d`` where ``|d| ≥ threshold``.

    `d` is the difference from what a Gaussian of `sigma` pixels, cut off at `radius`, makes.
    """

    locality = Locality.NEIGHBOURHOOD
    sigma: float
    radius: int
    amount: float
    threshold: float = 0

    @property
    def halo(self) -> int:
        return self.radius

    @property
    def detail(self) -> str:
        from_ = f", from {self.threshold:g}" if self.threshold else ""
        return f"σ {self.sigma:g} radius {self.radius}, {self.amount:g} times{from_}"


class Blur(Node, frozen=True):
    """A Gaussian of `sigma` pixels cut off at `radius`, in floats.

    With `integers`, weights and the image between the two directions are whole numbers.
    With a `shrink` above 1 it works on an image that many times smaller.
    """

    locality = Locality.NEIGHBOURHOOD
    sigma: float
    radius: int
    integers: bool = False
    shrink: int = 1

    @property
    def halo(self) -> int:
        return self.radius

    @property
    def detail(self) -> str:
        how = "in integers" if self.integers else ""
        small = f"at 1/{self.shrink}" if self.shrink > 1 else ""
        return " ".join(filter(None, [f"σ {self.sigma:g} radius {self.radius}", how, small]))
