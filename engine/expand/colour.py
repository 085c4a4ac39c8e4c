"""Expands the transformations that change colours, pixel by pixel."""

from engine import schema
from engine.expand.builder import PlanBuilder, add_nodes, measurement_of
from engine.expand.modulation import modulation
from engine.ir import Measurement, Percentiles, Table, curves


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


@add_nodes.register
def _gamma(options: schema.Gamma, builder: PlanBuilder) -> None:
    builder.add(Table((curves.gamma(float(options.level)),) * 3))


@add_nodes.register
def _modulate(options: schema.Modulate, builder: PlanBuilder) -> None:
    """Brightness alone is a table, which fuses with others."""
    brightness, saturation = options.brightness / 100, options.saturation / 100
    if saturation == 1 and options.hue % 360 == 0:
        builder.add(Table((curves.scale(brightness),) * 3))
    else:
        builder.add(modulation(brightness, saturation, options.hue))


@measurement_of.register
def _percentiles(options: schema.Normalize, builder: PlanBuilder) -> Measurement:
    return Percentiles()


@add_nodes.register
def _normalize(options: schema.Normalize, builder: PlanBuilder) -> None:
    ranges = builder.measured_ranges()
    builder.add(Table(tuple(curves.stretch(low, high) for low, high in ranges)))
