"""Random images and random lists of transformations for property tests."""

from typing import Any

from hypothesis import strategies as st

from engine.schema import Direction, FilterName, FitType, Gravity
from tests.engine.images import Json, Pixels, noise

GRAVITIES = st.sampled_from([*(gravity.value for gravity in Gravity), "middle"])
SIDES = st.integers(1, 60)
OFFSETS = st.integers(-30, 30) | st.sampled_from(["10%", "-25%", "7px"])


def images(bands: tuple[int, ...] = (3, 4), largest: int = 40) -> st.SearchStrategy[Pixels]:
    """Noise of random size, with or without alpha, some of it with flat areas."""
    sides = st.integers(1, largest)
    return st.builds(noise, sides, sides, st.sampled_from(bands), st.integers(0, 9))


def _transformation(kind: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": st.just(kind), **options})


def _boxed(kind: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    one = st.sampled_from([("width",), ("height",), ("width", "height")])
    return one.flatmap(
        lambda names: _transformation(kind, **options, **dict.fromkeys(names, SIDES))
    )


POINTWISE: tuple[st.SearchStrategy[Json], ...] = (
    _transformation("brightness", bright_level=st.integers(-255, 255) | st.just(0)),
    _transformation("contrast", level=st.integers(-100, 100)),
    _transformation("colorize", red=st.integers(0, 255), green=st.integers(0, 255)),
    _transformation("filter", filter=st.sampled_from(["negate", "grayscale", "sepia", "bw"])),
)
GEOMETRIC: tuple[st.SearchStrategy[Json], ...] = (
    _transformation("flip", direction=st.sampled_from([way.value for way in Direction])),
    _transformation("rotate", degrees=st.sampled_from([0, 90, 180, 270, 360, 20.5, 45])),
    _boxed("resize"),
    _boxed("zoom", level=st.integers(0, 10)),
    _boxed("crop", gravity=GRAVITIES, xoffset=OFFSETS, yoffset=OFFSETS, fit=st.booleans()),
    _boxed(
        "fitmethod",
        fit_type=st.sampled_from([fit.value for fit in FitType]),
        gravity=GRAVITIES,
        opacity=st.integers(0, 10),
        color=st.sampled_from(["#000", "#f80", "#12345678"]),
    ),
)
NEIGHBOURS: tuple[st.SearchStrategy[Json], ...] = (
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
    _transformation("watermark", source=st.just("mark"), gravity=GRAVITIES, xoffset=OFFSETS),
    _transformation("watermark", source=st.just("mark"), width=SIDES, yoffset=OFFSETS),
)
EXACT_KINDS = (*POINTWISE, *GEOMETRIC, *OVERLAYS, _transformation("ulb"))
MOVES = (GEOMETRIC[0], GEOMETRIC[1], GEOMETRIC[4])


def transformations(
    *kinds: st.SearchStrategy[Json], longest: int = 5
) -> st.SearchStrategy[list[Json]]:
    """Lists of transformations; by default of all types but blurs and neighbourhood filters."""
    return st.lists(st.one_of(*(kinds or EXACT_KINDS)), max_size=longest)
