"""Connections to servers that clients name: guarded, and bounded in time and size.

Knows nothing about what callbacks say or what is made of a source.
"""

from service.outbound.address_guard import AddressGuard, AddressRefused, is_public
from service.outbound.connector import Connector, ExchangeFailed, ExchangeForbidden
from service.outbound.target import Target, parse_target
from service.outbound.web_sources import WebSources, host_allowed, read_host, source_guard

__all__ = [
    "AddressGuard",
    "AddressRefused",
    "Connector",
    "ExchangeFailed",
    "ExchangeForbidden",
    "Target",
    "WebSources",
    "host_allowed",
    "is_public",
    "parse_target",
    "read_host",
    "source_guard",
]
