"""Every transformation in its variants, and the size that each makes as documented.

Sizes are shares of the image wherever a fixed one would break a limit on a strip.
"""

from collections.abc import Callable
from fractions import Fraction
from math import cos, floor, radians, sin

from msgspec import Struct

from engine.schema import Blend, FilterName
from tests.engine.images import Json

Sizing = Callable[[int, int], tuple[int, int]]


class Step(Struct, frozen=True):
    """A list of transformations, and width and height of the result by those of the image."""

    transformations: list[Json]
    size: Sizing
    loss: float = 12.0  # mean levels that a lossy format may lose of a small grainy image

    @property
    def type(self) -> str:
        """The type of its last transformation; none for no transformation."""
        return str(self.transformations[-1]["type"]) if self.transformations else ""

    @property
    def name(self) -> str:
        """What it does, in short."""
        return " ".join(str(value) for last in self.transformations[-1:] for value in last.values())


def rnd(value: Fraction | float) -> int:
    """Half goes up, and nothing is smaller than a pixel."""
    return max(1, floor(value + Fraction(1, 2)))


def share(percent: int, whole: int) -> int:
    """A percentage of a side."""
    return rnd(Fraction(percent * whole, 100))


def _same(width: int, height: int) -> tuple[int, int]:
    return width, height


def _box(wide: int, high: int) -> Sizing:
    return lambda width, height: (share(wide, width), share(high, height))


def _fitted(choose: Callable[[Fraction, Fraction], Fraction], wide: int, high: int) -> Sizing:
    """Scale both sides by the smaller or the greater of the two ratios."""

    def sizing(width: int, height: int) -> tuple[int, int]:
        box = share(wide, width), share(high, height)
        scale = choose(Fraction(box[0], width), Fraction(box[1], height))
        made = rnd(width * scale), rnd(height * scale)
        return choose(made[0], box[0]), choose(made[1], box[1])  # type: ignore[arg-type,return-value]

    return sizing


def _rotated(degrees: float) -> Sizing:
    across, along = abs(cos(radians(degrees))), abs(sin(radians(degrees)))
    return lambda width, height: (
        rnd(width * across + height * along),
        rnd(width * along + height * across),
    )


def _zoomed(width: int, height: int) -> tuple[int, int]:
    """Half the size, and one and a half of that as far as the pixels reach."""
    box = share(50, width), share(50, height)
    tenths = next(z for z in range(15, 9, -1) if z == 10 or _reach(z, box, (width, height)))
    return box[0] * tenths // 10, box[1] * tenths // 10


def _reach(tenths: int, box: tuple[int, int], image: tuple[int, int]) -> bool:
    return all(side * tenths <= 10 * all_ for side, all_ in zip(box, image, strict=True))


def step(kind: str, sizing: Sizing = _same, /, **options: object) -> Step:
    """A single transformation."""
    return Step([{"type": kind, **options}], sizing)


BOX: Json = {"width": "80%", "height": "60%"}
BARS: Json = {"type": "fitmethod", "fit_type": "letterbox", "width": "100%", "height": "140%"}

STEPS: tuple[Step, ...] = (
    Step([], _same),
    step("annotation", text="äb", size=9, color="#ff8800cc", gravity="northwest"),
    step("annotation", text="ä b", size=9, width="30%", align="center", line_spacing=1.5,
         background="#2a9", padding=2, stroke_color="#fff", stroke_width=1, opacity=7, degrees=9),
    step("blur", sigma=1.5),
    step("blur", sigma=0.6, radius=1),
    step("blur", sigma=218, radius=465),
    step("brightness", bright_level=40),
    step("colorize", red=30, blue=200),
    step("contrast", level=30),
    step("crop", lambda w, h: (min(w, 10), min(h, 8)), width=10, height=8, gravity="northeast"),
    step("crop", lambda w, h: (min(w, 10), min(h, 8)),
         width=10, height=8, gravity="southwest", fit=False),
    step("crop", lambda w, h: (min(w, 10), min(h, 8)), width=10, height=8, gravity="smart"),
    step("crop", lambda w, h: (min(w, 10), min(h, 8)),
         width=10, height=8, focus={"x": 0.9, "y": 0.2}),
    step("enhance"),
    *(step("filter", filter=name.value) for name in FilterName),
    step("fitmethod", _fitted(min, 80, 60), fit_type="box", **BOX),
    step("fitmethod", _box(80, 60), fit_type="stretch", **BOX),
    step("fitmethod", _fitted(max, 80, 60), fit_type="outside", **BOX),
    step("fitmethod", _box(80, 60), fit_type="cropbox", gravity="south", **BOX),
    step("fitmethod", _box(80, 60), fit_type="letterbox", color="#2a9", gravity="east", **BOX),
    step("fitmethod", _box(80, 60), fit_type="letterbox", color="#2a9", opacity=4, **BOX),
    step("fitmethod", _box(80, 60), fit_type="cropbox", gravity="smart", **BOX),
    step("fitmethod", _box(100, 60), fit_type="cropbox",
         width="150%", height="60%", enlarge=False),
    step("flip", direction="x"),
    step("flip", direction="y"),
    step("gamma", level=2.2),
    step("modulate", brightness=110, saturation=140, hue=30),
    step("modulate", brightness=70),
    Step([{"type": "normalize"}], _same, loss=20.0),  # the grain is spread, too
    step("pad", lambda w, h: (w + 6, h + 6), width=3, color="#2a9"),
    step("pad", lambda w, h: (w + 5, h + 2), top=2, right=5, color="#2a9", opacity=4),
    step("pixelate", size=4),
    step("resize", _box(50, 50), width="50%", height="50%"),
    step("resize", _box(130, 70), width="130%", height="70%"),
    step("resize", _box(100, 70), width="130%", height="70%", enlarge=False),
    step("rotate", lambda w, h: (h, w), degrees=90),
    step("rotate", degrees=180),
    step("rotate", _rotated(1.5), degrees=1.5),
    step("rotate", _rotated(1.5), degrees=1.5, color="#2a9", opacity=10),
    step("round", radius="50%"),
    step("sharpen", sigma=1.2, amount=1.5),
    step("sharpen", threshold=4),
    step("trim", lambda w, h: (w, h), color="#123456", threshold=0),
    Step([BARS, {"type": "ulb"}], _same),
    step("watermark", source="mark", gravity="southeast", width=7),
    step("watermark", source="translucent", gravity="center", xoffset=3),
    step("watermark", source="mark", tile=True, spacing=3, opacity=4, degrees=20),
    *(step("watermark", source="translucent", blend=blend.value) for blend in Blend),
    step("zoom", _zoomed, width="50%", height="50%", level=1.5),
)  # fmt: skip
