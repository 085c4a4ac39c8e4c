"""docs/metrics.md is that of the code."""

from tools.metrics_page import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `make metrics`"
