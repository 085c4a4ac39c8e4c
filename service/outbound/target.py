"""Splits a client's URL into what is needed to connect; nothing is normalised.

Servers sign and compare URLs, so the path and query go out byte for byte as the client wrote
them. Only what HTTP has no place for is turned into ASCII: an international name by IDNA,
other characters as percent-encoded UTF-8.
"""

import re
import socket
import string
from ipaddress import IPv6Address
from urllib.parse import quote

import idna
from msgspec import Struct

URL = re.compile(r"(https?)://([^/?#@\\]+)((?:[/?][^#\0- \x7f]*)?)", re.IGNORECASE)
AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(\d{0,5}))?", re.IGNORECASE)
NAME = re.compile(r"(?!.{254})([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
ASCII = string.ascii_letters + string.digits + string.punctuation


class Target(Struct, frozen=True, kw_only=True):
    """Where a request goes.

    `host` is an ASCII name in lower case, or an IP address without brackets; `authority` is what
    the Host header says; `path` is the request's target, with the query.
    """

    secure: bool
    host: str
    port: int
    authority: str
    path: str

    @property
    def literal(self) -> str | None:
        """The address that the host spells, in any form that resolvers read; None for a name."""
        if self.host.rstrip(".") == "localhost" or self.host.rstrip(".").endswith(".localhost"):
            return "127.0.0.1"  # RFC 6761: it never leaves the machine
        try:
            [(_, _, _, _, place), *_] = socket.getaddrinfo(
                self.host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except OSError:
            return None
        return str(place[0])


def parse_target(url: str) -> Target:
    """Take a URL apart; raises ValueError when it is none that can be sent to."""
    found = URL.fullmatch(url)
    place = found and AUTHORITY.fullmatch(found[2])
    if not found or not place:
        raise ValueError("expected an http or https URL")
    secure = found[1].lower() == "https"
    host = _host(place[1])
    port = int(place[2] or (443 if secure else 80))
    if not 0 < port < 65536:
        raise ValueError("expected a port from 1 to 65535")
    path = found[3] if found[3].startswith("/") else f"/{found[3]}"
    authority = found[2] if found[2].isascii() else found[2].replace(place[1], host)
    return Target(
        secure=secure, host=host, port=port, authority=authority, path=quote(path, safe=ASCII)
    )


def _host(text: str) -> str:
    if text.startswith("["):
        return str(IPv6Address(text[1:-1]))
    name = text.lower()
    if not name.isascii():
        name = idna.encode(text, uts46=True).decode()  # an IDNAError is a ValueError
    if not NAME.fullmatch(name):
        raise ValueError("expected a host name")
    return name
