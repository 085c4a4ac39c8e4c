"""Places for the nodes of an acyclic graph, layer by layer, so that arrows point down.

The usual way (Sugiyama): a layer for each length of the longest path below, a stand-in wherever
an arrow passes a layer, and an order within each layer that lets few arrows cross.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from statistics import mean
from typing import NamedTuple

from tools.packages import Graph

SWEEPS = 8
STAND_IN = 0.3  # width of a stand-in, in widths of a node


class StandIn(NamedTuple):
    """Where the arrow from `tail` to `head` passes a layer."""

    tail: str
    head: str
    layer: int


Node = str | StandIn
Layers = list[list[Node]]


class Layout(NamedTuple):
    """Columns (from 0, in widths of a node) and layers (from 0, the highest) of nodes and arrows.

    An arrow is a list of points from its tail to its head.
    """

    nodes: Mapping[str, tuple[float, int]]
    arrows: Sequence[Sequence[tuple[float, int]]]
    columns: float
    layers: int


def lay_out(graph: Graph) -> Layout:
    """Place a graph of names; the same graph gets the same places."""
    height = {name: _height(graph, name) for name in sorted(graph)}
    top = max(height.values())
    routes = [
        _route(tail, head, top - height[tail], top - height[head])
        for tail in sorted(graph)
        for head in sorted(graph[tail])
    ]
    layers: Layers = [[] for _ in range(top + 1)]
    for name in sorted(graph):
        layers[top - height[name]].append(name)
    for route in routes:
        for node in route:
            if isinstance(node, StandIn):
                layers[node.layer].append(node)
    links = [pair for route in routes for pair in pairwise(route)]
    layers = _order(layers, links)
    columns = _columns(layers, links)
    level = {node: at for at, layer in enumerate(layers) for node in layer}
    return Layout(
        {name: (columns[name], level[name]) for name in sorted(graph)},
        [[(columns[node], level[node]) for node in route] for route in routes],
        max(columns.values()) + 1,
        len(layers),
    )


def _height(graph: Graph, name: str) -> int:
    return 1 + max((_height(graph, each) for each in graph[name]), default=-1)


def _route(tail: str, head: str, first: int, last: int) -> list[Node]:
    return [tail, *(StandIn(tail, head, at) for at in range(first + 1, last)), head]


def _order(layers: Layers, links: Sequence[tuple[Node, Node]]) -> Layers:
    """Sort each layer by the middle of its neighbours, down and up; the fewest crossings win."""
    best = layers
    for sweep in range(SWEEPS):
        layers = _sorted(layers, links, downwards=sweep % 2 == 0)
        best = min(best, layers, key=lambda each: _crossings(each, links))
    return best


def _sorted(layers: Layers, links: Sequence[tuple[Node, Node]], *, downwards: bool) -> Layers:
    place = _places(layers)
    result = list(layers)
    order = range(len(layers)) if downwards else range(len(layers) - 1, -1, -1)
    for at in order:
        middle = {node: _middle(node, place, links, above=downwards) for node in layers[at]}
        result[at] = sorted(layers[at], key=lambda node: (middle[node], str(node)))
        place |= {node: float(index) for index, node in enumerate(result[at])}
    return result


def _middle(
    node: Node, place: Mapping[Node, float], links: Sequence[tuple[Node, Node]], *, above: bool
) -> float:
    """Return the mean place of the neighbours above or below; without any, its own."""
    near = [tail if above else head for tail, head in links if node == (head if above else tail)]
    return mean(place[each] for each in near) if near else place[node]


def _places(layers: Layers) -> dict[Node, float]:
    return {node: float(index) for layer in layers for index, node in enumerate(layer)}


def _crossings(layers: Layers, links: Sequence[tuple[Node, Node]]) -> int:
    place = _places(layers)
    level = {node: at for at, layer in enumerate(layers) for node in layer}
    return sum(
        level[a] == level[c] and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for (a, b), (c, d) in combinations(links, 2)
    )


def _columns(layers: Layers, links: Sequence[tuple[Node, Node]]) -> dict[Node, float]:
    """Draw nodes towards their neighbours, as far as those beside them leave room."""
    column = {
        node: index - (len(layer) - 1) / 2 for layer in layers for index, node in enumerate(layer)
    }
    for _ in range(16 * SWEEPS):
        for layer in layers:
            wanted = [mean([column[node], *_neighbours(node, column, links)]) for node in layer]
            column |= dict(zip(layer, _spread(layer, wanted), strict=True))
    left = min(column.values())
    return {node: round(at - left, 2) for node, at in column.items()}


def _neighbours(
    node: Node, column: Mapping[Node, float], links: Sequence[tuple[Node, Node]]
) -> Iterator[float]:
    for tail, head in links:
        if node in {tail, head}:
            yield column[tail if node == head else head]


def _spread(layer: Sequence[Node], wanted: Sequence[float]) -> list[float]:
    """Give places that do not overlap, in the same order and with the same mean as those wanted."""
    places: list[float] = []
    for at, want in enumerate(wanted):
        room = (_width(layer[at - 1]) + _width(layer[at])) / 2
        places.append(max(want, places[-1] + room) if places else want)
    shift = mean(wanted) - mean(places)
    return [place + shift for place in places]


def _width(node: Node) -> float:
    return STAND_IN if isinstance(node, StandIn) else 1.0
