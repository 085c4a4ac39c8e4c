"""Every function that dispatches on types handles all types."""

from collections.abc import Iterable
from inspect import signature
from typing import Any, get_args

import pytest

import engine.lower.overlay
from engine.cost import codec_memory
from engine.expand import builder
from engine.ir import ImageLayer, Node, TextLayer
from engine.lower import context
from engine.schema import KINDS
from engine.schema.transforms import Transformation
from engine.vips import codecs

CHOICES: list[tuple[Any, Iterable[type]]] = [
    (builder.add_nodes, get_args(Transformation)),
    (context.lower_node, Node.__subclasses__()),
    (engine.lower.overlay.prepare, (ImageLayer, TextLayer)),
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


class Unheard:
    """A type that none of them handles."""
