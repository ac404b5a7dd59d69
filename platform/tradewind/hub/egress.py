"""Where a sandbox may connect to: names are resolved here, and what was checked is what is dialled."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type NetworkRange = ipaddress.IPv4Network | ipaddress.IPv6Network

NEVER = tuple(
    ipaddress.ip_network(n)
    for n in (
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
        "::/127", "fe80::/10", "fec0::/10", "ff00::/8",
        # Addresses that stand for IPv4 ones behind a translator, which would look at the inner address only
        # later.
        "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
    )
)  # fmt: skip
"""This machine, its links (cloud metadata among them), multicast: refused whatever the settings say."""

PRIVATE = tuple(
    ipaddress.ip_network(n)
    for n in (
        "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "192.0.0.0/24", "198.18.0.0/15",
        "fc00::/7",
    )
)  # fmt: skip
"""Private networks: refused unless a setting names them."""


class RefusedError(Exception):
    """A sandbox may not connect there; the message says why."""


def unwrap(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped IPv6 one."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_own(address: Address) -> bool:
    """Whether an address belongs to this machine: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError as problem:
            # Anything but "not one of mine" leaves doubt, and in doubt it is ours.
            return problem.errno != errno.EADDRNOTAVAIL
    return True


def on_link() -> list[NetworkRange]:
    """Return the networks this machine is directly attached to: its neighbours are not the internet."""
    found: list[NetworkRange] = []
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/net/route").read_text().splitlines()[1:]:
            fields = line.split()
            target, gateway, mask = (socket.ntohl(int(fields[i], 16)) for i in (1, 2, 7))
            if not gateway and mask:
                found.append(ipaddress.ip_network((target, mask.bit_count())))
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/net/ipv6_route").read_text().splitlines():
            fields = line.split()
            prefix = int(fields[1], 16)
            if not int(fields[4], 16) and prefix:
                found.append(ipaddress.IPv6Network((int(fields[0], 16), prefix), strict=False))
    return found


@dataclass(frozen=True)
class Policy:
    """What sandboxes may reach.

    Parameters
    ----------
    ports
        The ports that may be dialled.
    allow
        Exceptions for private networks, such as a company's own package index: host names, ``.suffixes`` of
        host names, or networks like ``10.2.0.0/16``.
    """

    ports: tuple[int, ...] = (80, 443)
    allow: tuple[str, ...] = ()

    @cached_property
    def _networks(self) -> tuple[NetworkRange, ...]:
        found: list[NetworkRange] = []
        for word in self.allow:
            with contextlib.suppress(ValueError):
                found.append(ipaddress.ip_network(word, strict=False))
        return tuple(found)

    def _named(self, host: str) -> bool:
        names = [w.lower() for w in self.allow]
        name = host.lower().rstrip(".")
        return any(name == w or (w.startswith(".") and name.endswith(w)) for w in names)

    def permitted(self, host: str, addresses: Iterable[str]) -> list[str]:
        """Return those of a name's addresses that may be dialled.

        Parameters
        ----------
        host
            The name that was asked for.
        addresses
            What it resolves to.
        """
        neighbours = on_link()
        named = self._named(host)
        found = []
        for text in addresses:
            address = unwrap(ipaddress.ip_address(text.partition("%")[0]))
            if any(address in n for n in NEVER) or is_own(address):
                continue
            private = any(address in n for n in (*PRIVATE, *neighbours))
            if not private or named or any(address in n for n in self._networks):
                found.append(str(address))
        return found

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses to dial for a name, checked.

        Parameters
        ----------
        host, port
            Where to.

        Raises
        ------
        RefusedError
            The port is not one of ours, the name is unknown, or leads to this machine or a private network.
        """
        if port not in self.ports:
            raise RefusedError(f"port {port} is not open to sandboxes")
        name = host.strip("[]")
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as problem:
            raise RefusedError(f"{name} cannot be resolved") from problem
        found = self.permitted(name, dict.fromkeys(str(info[4][0]) for info in infos))
        if not found:
            raise RefusedError(f"{name} is this machine or a private network")
        return found
