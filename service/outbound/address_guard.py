"""Which addresses and ports may be connected to for a client: public ones, unless configured."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from service.outbound.special_networks import (
    GLOBAL_UNICAST,
    IPV4_MAPPED,
    NAT64,
    REFUSED_IPV4,
    REFUSED_IPV6,
    SIX_TO_FOUR,
)
from service.outbound.target import parse_target

ISATAP = {0x00005EFE, 0x02005EFE}  # before the IPv4 address in the lower half of any network


class AddressRefused(OSError):
    """This address or port may not be connected to."""


class AddressGuard:
    """Says no to ports that are not listed and to addresses that are not on the internet."""

    def __init__(self, ports: str, *, private_networks: bool, subject: str) -> None:
        """Allow ports, as in ``80,443`` or ``*``; `subject` begins the messages."""
        self._ports = None if ports == "*" else {int(port) for port in ports.split(",")}
        self._private_networks = private_networks
        self._subject = subject

    def check_url(self, url: str) -> None:
        """Raise AddressRefused or ValueError for a URL that can never be connected to.

        A name is not looked up: where it leads is known only when it is connected to.
        """
        target = parse_target(url)
        self.check_port(target.port)
        if (address := target.literal) is not None:
            self.check_address(address)

    def check_port(self, port: int) -> None:
        """Raise AddressRefused unless this port may be connected to."""
        if self._ports is not None and port not in self._ports:
            raise AddressRefused(f"{self._subject} may not go to port {port}")

    def check_address(self, address: str) -> None:
        """Raise AddressRefused unless this IP address may be connected to."""
        if not self._private_networks and not is_public(address):
            raise AddressRefused(f"{self._subject} may not go to private networks")


def is_public(address: str) -> bool:
    """Whether an IP address is out on the internet, whatever it is wrapped in."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in REFUSED_IPV4)
    if ip in IPV4_MAPPED or ip in NAT64:
        return is_public(str(_low_half(ip)))
    outside = ip in GLOBAL_UNICAST and not any(ip in network for network in REFUSED_IPV6)
    return outside and all(is_public(str(inner)) for inner in _carried(ip))


def _carried(ip: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that a router may take a packet to this address out to."""
    if ip in SIX_TO_FOUR:
        yield IPv4Address(int(ip) >> 80 & 0xFFFFFFFF)
    if int(ip) >> 32 & 0xFFFFFFFF in ISATAP:
        yield _low_half(ip)


def _low_half(ip: IPv6Address) -> IPv4Address:
    return IPv4Address(int(ip) & 0xFFFFFFFF)
