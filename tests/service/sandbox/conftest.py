"""A playground that the tests of a module share, since each takes a third of a second to start."""

from collections.abc import AsyncIterator

import pytest

from tests.service.sandbox.sandboxes import Playground


@pytest.fixture(scope="module")
async def shared() -> AsyncIterator[Playground]:
    async with Playground() as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(shared: Playground) -> Playground:
    """One child that lives, whatever became of those before; no end that was not asked for."""
    await shared.ask({"do": "tell"})
    shared.exits.clear()
    return shared
