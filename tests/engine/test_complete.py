"""Every function that dispatches on types handles all types, and every transformation is tested."""

from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import pytest

import engine.lower.overlay
from engine.cost import codec_memory
from engine.execute import measuring
from engine.expand import builder
from engine.ir import ImageLayer, Measurement, Node, TextLayer
from engine.lower import context
from engine.schema import KINDS, TYPES
from engine.schema.transforms import Transformation
from engine.vips import codecs
from tests.engine.strategies import DRAWN

CHOICES: list[tuple[Any, Iterable[type]]] = [
    (builder.add_nodes, get_args(Transformation)),
    (context.lower_node, Node.__subclasses__()),
    (engine.lower.overlay.prepare, (ImageLayer, TextLayer)),
    (measuring.measure, Measurement.__subclasses__()),
    (codecs.settings_of, KINDS.values()),
    (codec_memory._encoder_memory, KINDS.values()),
]
NAMES = [choose.__name__ for choose, _ in CHOICES]


each_choice = pytest.mark.parametrize(("choose", "types"), CHOICES, ids=NAMES)


@each_choice
def test_every_type_is_handled(choose: Any, types: Iterable[type]) -> None:
    otherwise = choose.dispatch(object)
    known = list(types)
    assert known
    assert [each.__name__ for each in known if choose.dispatch(each) is otherwise] == []


@each_choice
def test_an_unknown_type_is_named(choose: Any, types: Iterable[type]) -> None:
    others = len(signature(choose).parameters) - 1
    with pytest.raises(TypeError, match="Unheard"):
        choose(Unheard(), *[None] * others)


def test_random_lists_draw_every_transformation() -> None:
    assert sorted(TYPES.keys() - DRAWN) == []


def test_every_transformation_is_held_to_a_model_or_a_vector() -> None:
    vectors = Path(__file__).parent.parent / "data" / "vectors" / "manifest.json"
    paths = [vectors, *Path(__file__).parent.glob("types/test_*.py")]
    tests = "".join(path.read_text() for path in paths)
    assert [name for name in TYPES if f'"type": "{name}"' not in tests] == []


class Unheard:
    """A type that none of them handles."""
