"""Which addresses and ports a callback may go to: those of the internet, unless a setting says."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from service.settings import Settings

NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class AddressRefused(OSError):
    """A callback may not go to this address or port."""


def is_public(address: str) -> bool:
    """Whether an IP address is out on the internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if ip not in GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def guard(settings: Settings) -> Callable[[Any], socket.socket]:
    """Make the function that opens a callback's socket, for addresses that are allowed.

    It is given the very address that is connected to, so a name that resolves to another
    one the next time, or a number in disguise, gains nothing.
    """
    ports = settings.callback_ports
    allowed = None if ports == "*" else {int(port) for port in ports.split(",")}

    def open_socket(address: Any) -> socket.socket:
        family, kind, protocol, _, place = address
        if allowed is not None and place[1] not in allowed:
            raise AddressRefused(f"callbacks may not go to port {place[1]}")
        if not settings.callback_private_networks and not is_public(place[0]):
            raise AddressRefused("callbacks may not go to private networks")
        return socket.socket(family, kind, protocol)

    return open_socket
