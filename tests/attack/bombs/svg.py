"""Bombs of SVG, which are programs more than images; it is read only if a setting allows it."""

import gzip

from tests.attack.bombs.bomb import Bomb

NAMES = b"xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'"


def svg(body: bytes, size: bytes = b"width='100' height='100'", before: bytes = b"") -> bytes:
    """Write a document."""
    return before + b"<svg " + NAMES + b" " + size + b">" + body + b"</svg>"


def doubled(count: int, kind: bytes = b"g") -> bytes:
    """Write groups that each use the one before twice."""
    first = b"<rect id='a0' width='9' height='9'/>"
    groups = (
        b"<%s id='a%d'><use xlink:href='#a%d'/><use xlink:href='#a%d'/></%s>"
        % (kind, n, n - 1, n - 1, kind)
        for n in range(1, count)
    )
    return b"<defs>" + first + b"".join(groups) + b"</defs><use xlink:href='#a%d'/>" % (count - 1)


def patterns(count: int) -> bytes:
    """Write patterns that are each filled with the one before."""
    one = (
        b"<pattern id='p%d' width='.01' height='.01'><rect width='9' height='9' fill='url(#p%d)'/>"
        b"</pattern>" % (n, n - 1)
        for n in range(1, count)
    )
    return (
        b"<defs>"
        + b"".join(one)
        + b"</defs><rect width='99' height='99' fill='url(#p%d)'/>" % (count - 1)
    )


def entities() -> bytes:
    """Write a billion laughs."""
    rows = (b"<!ENTITY e%d '" % n + b"&e%d;" % (n - 1) * 10 + b"'>" for n in range(1, 10))
    return b"<!DOCTYPE svg [<!ENTITY e0 'ha'>" + b"".join(rows) + b"]>"


def filtered(primitive: bytes) -> bytes:
    """Write a filter over a large region."""
    region = b"<filter id='f' x='0' y='0' width='1' height='1'>"
    return b"%s%s</filter><rect width='4000' height='4000' filter='url(#f)'/>" % (region, primitive)


LARGE = b"width='4000' height='4000'"
TURBULENCE = b"<feTurbulence baseFrequency='.5' numOctaves='10000'/>"
MORPHOLOGY = b"<feMorphology operator='dilate' radius='500'/>"
BLURS = b"<feGaussianBlur stdDeviation='100'/>" * 500
MATRIX = b"<feConvolveMatrix order='100' kernelMatrix='" + b"1 " * 10_000 + b"'/>"

BOMBS = {
    "SVG of comments": Bomb(lambda: b"<?xml version='1.0'?>" + b"<!-- -->" * 24 + b"<x/>"),
    "SVG of a billion laughs": Bomb(lambda: svg(b"<text>&e9;</text>", before=entities())),
    "SVG of a file's entity": Bomb(
        lambda: svg(b"<text>&x;</text>",
                    before=b"<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>")
    ),
    "SVG that claims 10⁹ pixels a side": Bomb(
        lambda: svg(b"<rect width='9' height='9'/>", b"width='1000000000' height='1000000000'")
    ),
    "SVG of 2²⁵ uses": Bomb(lambda: svg(doubled(25))),
    "SVG of 2²⁵ uses of symbols": Bomb(lambda: svg(doubled(25, b"symbol"))),
    "SVG of patterns in patterns": Bomb(lambda: svg(patterns(12))),
    "SVG of 100,000 nested groups": Bomb(lambda: svg(b"<g>" * 100_000 + b"</g>" * 100_000)),
    "SVG of 200 nested opacities": Bomb(
        lambda: svg(b"<g opacity='.9'>" * 200 + b"<rect width='9' height='9'/>" + b"</g>" * 200,
                    LARGE)
    ),
    "SVG of turbulence": Bomb(lambda: svg(filtered(TURBULENCE), LARGE)),
    "SVG of a large morphology": Bomb(lambda: svg(filtered(MORPHOLOGY), LARGE)),
    "SVG of 500 blurs": Bomb(lambda: svg(filtered(BLURS), LARGE)),
    "SVG of a large convolution": Bomb(lambda: svg(filtered(MATRIX), LARGE)),
    "SVG of short dashes": Bomb(
        lambda: svg(b"<path d='M0 0H1000000' stroke='#000' stroke-dasharray='.0001'/>")
    ),
    "SVG of 300,000 shapes": Bomb(
        lambda: svg(b"<circle cx='50' cy='50' r='49' fill-opacity='.5'/>" * 300_000)
    ),
    "SVG of 1 MB of text": Bomb(lambda: svg(b"<text>" + b"A" * 1_000_000 + b"</text>")),
    "SVG of an image of itself": Bomb(
        lambda: svg(b"<image width='99' height='99' xlink:href='file:///proc/self/fd/0'/>")
    ),
    "SVG, compressed, of 100 MB": Bomb(lambda: gzip.compress(svg(b" " * 100_000_000))),
}  # fmt: skip
