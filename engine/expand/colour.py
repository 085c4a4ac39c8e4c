"""Expands the transformations that change colours, pixel by pixel."""

from engine import schema
from engine.expand.builder import PlanBuilder, add_nodes
from engine.ir import Table, curves


@add_nodes.register
def _brightness(options: schema.Brightness, builder: PlanBuilder) -> None:
    builder.add(Table((curves.add(int(options.bright_level)),) * 3))


@add_nodes.register
def _colorize(options: schema.Colorize, builder: PlanBuilder) -> None:
    amounts = (options.red, options.green, options.blue)
    builder.add(Table(tuple(curves.add(int(amount)) for amount in amounts)))


@add_nodes.register
def _contrast(options: schema.Contrast, builder: PlanBuilder) -> None:
    builder.add(Table((curves.contrast(int(options.level)),) * 3))
