"""Accept headers: what clients send, and what they mean by it."""

import pytest

from service.api.content_negotiation import preferred

JSON, TEXT, SVG = OFFERED = ("application/json", "text/plain", "image/svg+xml")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON), ("*/*", JSON), ("application/json", JSON), ("text/plain", TEXT),
        ("image/svg+xml", SVG), ("IMAGE/SVG+XML", SVG), ("image/*", SVG), ("text/*;q=0.5", TEXT),
        ("text/plain, image/svg+xml", TEXT), ("text/plain;q=0.5, image/svg+xml", SVG),
        ("text/plain ; q=0.5 , image/svg+xml ; q=0.4", TEXT), ("text/html, */*;q=0.8", JSON),
        ("text/html,image/avif,image/*;q=0.9,*/*;q=0.8", SVG), ("*/*, application/json;q=0", TEXT),
        ("text/plain;charset=utf-8;q=0.3", TEXT), ("text/html", JSON), ("text/plain;q=x", JSON),
        (";;,,;q=", JSON), ("text/plain;q=0", JSON), ("image/svg+xml;q=1.0", SVG),
    ],
)  # fmt: skip
def test_the_type_that_is_liked_best(accept: str, expected: str) -> None:
    assert preferred(accept, OFFERED) == expected
