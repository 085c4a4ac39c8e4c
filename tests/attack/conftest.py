"""The installation that the tests of the service use."""

from tests.service.conftest import api, settings, shared_store, tenant

__all__ = ["api", "settings", "shared_store", "tenant"]
