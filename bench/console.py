"""What benchmarks print: results on standard output, and how far they are on standard error."""

import sys


def say(words: str) -> None:
    """Show how far it is."""
    print(words, file=sys.stderr, flush=True)  # noqa: T201


def show(words: str = "") -> None:
    """Print a result."""
    print(words)  # noqa: T201
