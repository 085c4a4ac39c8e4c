"""Which addresses are out on the internet: the IANA's registries, row by row."""

from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from service.outbound.address_guard import is_public
from service.outbound.special_networks import (
    FURTHER,
    IPV4,
    IPV4_MAPPED,
    IPV6,
    NAT64,
    SIX_TO_FOUR,
)

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "11.0.0.1",
    "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2002:808:808::1",
]  # fmt: skip

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1",
    "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "100::1", "5f00::1",
]  # fmt: skip


# The first and the last address beside each row that no other row has.
BESIDE = [
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0",
    "192.31.195.255", "192.31.197.0", "192.52.192.255", "192.52.194.0", "192.88.98.255",
    "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.175.47.255", "192.175.49.0",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
    "203.0.114.0", "223.255.255.255", "2000::", "2001:200::", "2001:db7:ffff::1", "2001:db9::",
    "2620:4f:7fff::1", "2620:4f:8001::", "3ffe::1", "3fff:1000::",
]  # fmt: skip


def test_addresses_on_the_internet() -> None:
    assert [address for address in PUBLIC if not is_public(address)] == []


def test_addresses_that_are_nobodys_business() -> None:
    assert [address for address in PRIVATE if is_public(address)] == []


def test_every_row_of_the_registries_is_refused_from_its_first_address_to_its_last() -> None:
    for network, name in (*IPV4, *IPV6, *FURTHER):
        inside = ip_network(network)
        assert not is_public(str(inside[0])), name
        assert not is_public(str(inside[-1])), name
        assert not is_public(str(inside[inside.num_addresses // 2])), name


def test_what_lies_beside_a_row_is_the_internets() -> None:
    assert [address for address in BESIDE if not is_public(address)] == []


@pytest.mark.parametrize(
    "inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.0.0.192", "168.63.129.16",
              "100.100.100.200", "192.0.0.9"],
)  # fmt: skip
def test_an_ipv4_address_gains_nothing_by_what_it_is_wrapped_in(inner: str) -> None:
    four = int(ip_address(inner))
    wrapped = {
        "mapped": 0xFFFF << 32 | four,
        "compatible": four,
        "6to4": 0x2002 << 112 | four << 80 | 1,
        "NAT64": 0x64FF9B << 96 | four,
        "local NAT64": 0x64FF9B0001 << 80 | four,
        "Teredo": 0x20010000 << 96 | (four ^ 0xFFFFFFFF),
        "ISATAP": 0x2A00 << 112 | 0x5EFE << 32 | four,
    }
    for how, number in wrapped.items():
        assert not is_public(str(IPv6Address(number))), how


@pytest.mark.parametrize(("network", "bits"), [(IPV4_MAPPED, 0), (NAT64, 0), (SIX_TO_FOUR, 80)])
def test_a_public_address_stays_public_where_the_registry_has_a_place_for_it(
    network: IPv6Network, bits: int
) -> None:
    public = int(ip_address("8.8.8.8")) << bits | int(network[0])
    assert is_public(str(IPv6Address(public)))
