"""A callback's URL is refused for what is wrong with it."""

import pytest

from service.http.urls import CallbackUrl


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.example/", ""),
        (5, ""),
        ("https:///path", " with a host"),
        ("https://[::1/", " with a host"),
        ("https://a.example/b c", " without spaces or control characters"),
        ("https://a.example/\t", " without spaces or control characters"),
        ("https://a.example:99999/", " with a port from 1 to 65,535"),
        ("https://a.example:0/", " with a port from 1 to 65,535"),
        ("https://user@a.example/", " without user or fragment"),
        ("https://a.example/#part", " without user or fragment"),
        (f"https://a.example/{'x' * 2048}", " of at most 2,048 characters"),
    ],
)
def test_what_is_wrong_is_reported(url: object, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^expected an http or https URL{reason}, got"):
        CallbackUrl.parse(url)


@pytest.mark.parametrize("url", ["http://a", "HTTPS://a.example:8443/b?c=d%20e"])
def test_good_ones_are_kept_as_they_are(url: str) -> None:
    assert CallbackUrl.parse(url) == url
