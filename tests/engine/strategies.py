"""Random images and random lists of transformations for property tests."""

from typing import Any

from hypothesis import strategies as st

from engine.schema import Align, Blend, CropGravity, Direction, FilterName, FitType, Gravity
from tests.engine.images import Json, Pixels, noise

GRAVITIES = st.sampled_from([*(gravity.value for gravity in Gravity), "middle"])
CROP_GRAVITIES = st.sampled_from([*(gravity.value for gravity in CropGravity)])
FOCUSES = st.fixed_dictionaries({"x": st.sampled_from([0, 0.3, 1]), "y": st.sampled_from([0, 0.5])})
COLOURS = st.sampled_from(["#000", "#f80", "#12345678"])
SIDES = st.integers(1, 60)
OFFSETS = st.integers(-30, 30) | st.sampled_from(["10%", "-25%", "7px"])


def images(bands: tuple[int, ...] = (3, 4), largest: int = 40) -> st.SearchStrategy[Pixels]:
    """Noise of random size, with or without alpha, some of it with flat areas."""
    sides = st.integers(1, largest)
    return st.builds(noise, sides, sides, st.sampled_from(bands), st.integers(0, 9))


DRAWN: set[str] = set()
"""The names of the transformations that are drawn."""


def _transformation(kind: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    DRAWN.add(kind)
    return st.fixed_dictionaries({"type": st.just(kind), **options})


def _boxed(kind: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    DRAWN.add(kind)
    one = st.sampled_from([("width",), ("height",), ("width", "height")])
    return one.flatmap(
        lambda names: _transformation(kind, **options, **dict.fromkeys(names, SIDES))
    )


POINTWISE: tuple[st.SearchStrategy[Json], ...] = (
    _transformation("brightness", bright_level=st.integers(-255, 255) | st.just(0)),
    _transformation("contrast", level=st.integers(-100, 100)),
    _transformation("colorize", red=st.integers(0, 255), green=st.integers(0, 255)),
    _transformation("filter", filter=st.sampled_from(["negate", "grayscale", "sepia", "bw"])),
    _transformation("gamma", level=st.sampled_from([0.1, 0.5, 1, 2.2, 10])),
    _transformation(
        "modulate",
        brightness=st.sampled_from([50, 100, 130]),
        saturation=st.sampled_from([0, 100, 180]),
        hue=st.sampled_from([0, 40, 180, 360]),
    ),
    _transformation("normalize"),
    _transformation("round", radius=st.integers(1, 30) | st.just("50%")),
)
GEOMETRIC: tuple[st.SearchStrategy[Json], ...] = (
    _transformation("flip", direction=st.sampled_from([way.value for way in Direction])),
    _transformation("rotate", degrees=st.sampled_from([0, 90, 180, 270, 360, 20.5, 45])),
    _boxed("resize", enlarge=st.booleans()),
    _boxed("zoom", level=st.integers(0, 10), enlarge=st.booleans()),
    _boxed("crop", gravity=GRAVITIES, xoffset=OFFSETS, yoffset=OFFSETS, fit=st.booleans()),
    _boxed("crop", gravity=CROP_GRAVITIES, xoffset=OFFSETS),
    _boxed("crop", focus=FOCUSES, yoffset=OFFSETS),
    _boxed("fitmethod", fit_type=st.just("cropbox"), gravity=CROP_GRAVITIES, enlarge=st.booleans()),
    _boxed("fitmethod", fit_type=st.just("cropbox"), focus=FOCUSES),
    _transformation("trim", threshold=st.sampled_from([0, 10, 200])),
    _transformation(
        "pad",
        top=st.integers(0, 9),
        right=st.sampled_from(["10%", "0"]),
        left=st.just(3),
        color=COLOURS,
        opacity=st.integers(0, 10),
    ),
    _transformation(
        "rotate",
        degrees=st.sampled_from([0, 90, 20.5, 200]),
        color=COLOURS,
        opacity=st.integers(0, 10),
    ),
    _boxed(
        "fitmethod",
        fit_type=st.sampled_from([fit.value for fit in FitType]),
        gravity=GRAVITIES,
        opacity=st.integers(0, 10),
        color=COLOURS,
        enlarge=st.booleans(),
    ),
)
LOCAL: tuple[st.SearchStrategy[Json], ...] = (
    _transformation("pixelate", size=st.integers(1, 12) | st.just("30%")),
    _transformation(
        "sharpen",
        sigma=st.sampled_from([0.1, 0.5, 1, 2.5, 10]),
        amount=st.sampled_from([0, 0.5, 1, 10]),
        threshold=st.sampled_from([0, 8]),
    ),
)
NEIGHBOURS: tuple[st.SearchStrategy[Json], ...] = (
    *LOCAL,
    _transformation("enhance"),
    _transformation("filter", filter=st.sampled_from([name.value for name in FilterName])),
    _transformation(
        "blur", sigma=st.sampled_from([0, 0.4, 1, 2.5, 7, 30]), radius=st.integers(0, 50)
    ),
)
OVERLAYS: tuple[st.SearchStrategy[Json], ...] = (
    _transformation(
        "annotation",
        text=st.text("aö& <\n|ש", max_size=6),
        size=st.sampled_from([1, 7.5, 12, 40]),
        color=st.sampled_from(["#fff", "#ff000080"]),
        gravity=GRAVITIES,
        xoffset=OFFSETS,
    ),
    _transformation(
        "annotation",
        text=st.text("aö -漢\nש", min_size=1, max_size=12),
        width=st.integers(1, 60) | st.just("80%"),
        align=st.sampled_from([align.value for align in Align]),
        line_spacing=st.sampled_from([0.5, 1, 1.5]),
        opacity=st.integers(0, 10),
        degrees=st.sampled_from([0, 90, 33.5, 180]),
        background=COLOURS,
        padding=st.integers(0, 9) | st.just("10%"),
        stroke_color=COLOURS,
        stroke_width=st.sampled_from([0, 1, 2.5]),
        gravity=GRAVITIES,
    ),
    _transformation("watermark", source=st.just("mark"), gravity=GRAVITIES, xoffset=OFFSETS),
    _transformation(
        "watermark",
        source=st.just("mark"),
        blend=st.sampled_from([blend.value for blend in Blend]),
        opacity=st.integers(0, 10),
        degrees=st.sampled_from([0, 90, 33.5]),
        tile=st.just(True),
        spacing=st.integers(0, 20) | st.just("15%"),
        xoffset=OFFSETS,
    ),
    _transformation(
        "watermark",
        source=st.just("mark"),
        blend=st.sampled_from([blend.value for blend in Blend]),
        width=SIDES,
        gravity=GRAVITIES,
    ),
    _transformation("watermark", source=st.just("mark"), width=SIDES, yoffset=OFFSETS),
)
EXACT_KINDS = (*POINTWISE, *GEOMETRIC, *LOCAL, *OVERLAYS, _transformation("ulb"))
MOVES = (GEOMETRIC[0], GEOMETRIC[1], GEOMETRIC[4])


def transformations(
    *kinds: st.SearchStrategy[Json], longest: int = 5
) -> st.SearchStrategy[list[Json]]:
    """Lists of transformations; by default of all types but blurs and neighbourhood filters."""
    return st.lists(st.one_of(*(kinds or EXACT_KINDS)), max_size=longest)
