"""Every limit of the engine and of storages is a setting."""

import pytest
from msgspec import structs

from engine.limits import EngineLimits
from service.sandbox.setup import engine_limits
from service.settings import Settings
from service.storage import storage_limits
from service.storage.options import StorageLimits

PLAIN = Settings(database_url="postgresql://", redis_url="redis://")


@pytest.mark.parametrize("name", EngineLimits.__struct_fields__)
def test_each_limit_of_the_engine_is_a_setting_of_that_name(name: str) -> None:
    assert getattr(engine_limits(PLAIN), name) == getattr(EngineLimits(), name)
    turned = structs.replace(PLAIN, **{name: 17})
    assert engine_limits(turned) == structs.replace(EngineLimits(), **{name: 17})


@pytest.mark.parametrize("name", StorageLimits.__struct_fields__)
def test_each_limit_of_a_storage_is_a_setting(name: str) -> None:
    assert storage_limits(PLAIN) == StorageLimits()
    turned = structs.replace(PLAIN, **{f"storage_{name}": 17})
    assert storage_limits(turned) == structs.replace(StorageLimits(), **{name: 17})
