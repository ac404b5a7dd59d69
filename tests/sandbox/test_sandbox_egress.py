"""Where a sandbox may connect to: decided on addresses, after resolution."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.hub import egress
from tradewind.hub.egress import Policy, RefusedError

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.0.170",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fc00::1", "ff02::1", "fec0::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1",
    ],
)  # fmt: skip
def test_this_machine_and_private_networks_are_refused(address: str) -> None:
    assert Policy().permitted("innocent.example", [address]) == []


@given(st.ip_addresses(network="127.0.0.0/8") | st.ip_addresses(network="10.0.0.0/8"))
def test_no_address_of_these_networks_slips_through(address: Any) -> None:
    assert Policy().permitted("x", [str(address), f"::ffff:{address}"]) == []


def test_the_internet_is_open() -> None:
    assert Policy().permitted("example.org", [PUBLIC, "2606:2800:220:1::1"]) == [PUBLIC, "2606:2800:220:1::1"]


def test_every_address_of_this_machine_is_refused() -> None:
    # Whatever this machine is called and numbered: asked of the kernel, not of the policy.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((PUBLIC, 9))  # sends nothing; picks the address that would be used
        except OSError:
            pytest.skip("this machine has no network")
        own = probe.getsockname()[0]
    assert egress.is_own(egress.ipaddress.ip_address(own))
    assert Policy(allow=(own, "0.0.0.0/0")).permitted("me", [own]) == []


def test_neighbours_on_the_same_wire_are_refused() -> None:
    for network in egress.on_link():
        if network.version == 4 and network.num_addresses > 2:
            assert Policy().permitted("neighbour", [str(network[2])]) == []


def test_exceptions_open_private_networks_and_never_this_machine() -> None:
    assert Policy(allow=("pypi.corp",)).permitted("pypi.corp", ["10.9.0.5"]) == ["10.9.0.5"]
    assert Policy(allow=(".corp",)).permitted("PyPI.corp.", ["10.9.0.5"]) == ["10.9.0.5"]
    assert Policy(allow=("10.9.0.0/16",)).permitted("x", ["10.9.0.5", "10.8.0.5"]) == ["10.9.0.5"]
    assert Policy(allow=(".corp",)).permitted("evilcorp", ["10.9.0.5"]) == []
    assert Policy(allow=("0.0.0.0/0", "me")).permitted("me", ["127.0.0.1", "169.254.169.254"]) == []


def test_ports_are_few() -> None:
    with pytest.raises(RefusedError, match="port 22"):
        asyncio.run(Policy().resolve(PUBLIC, 22))


@pytest.mark.parametrize("name", ["localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "0"])
def test_other_spellings_of_this_machine(name: str) -> None:
    with pytest.raises(RefusedError):
        asyncio.run(Policy().resolve(name, 80))


def test_what_was_checked_is_what_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    # A rebinding name server answers with a public address first and with loopback when asked again.
    answers = [PUBLIC, "127.0.0.1"]

    async def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", (answers.pop(0) if answers else "127.0.0.1", 80))]

    async def main() -> list[str]:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        return list(await Policy().resolve("rebind.example", 80))

    assert asyncio.run(main()) == [PUBLIC], "the caller gets the address, and dials it without asking again"


def test_links_of_this_machine_are_read_from_the_kernel() -> None:
    assert Path("/proc/net/route").exists()
    assert all(str(n) != "0.0.0.0/0" for n in egress.on_link())
