"""Which network addresses an agent may reach: public ones, and those an operator allows."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Public by number, yet answered inside every virtual machine of one large cloud.
AZURE_HOST = ipaddress.ip_address("168.63.129.16")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SITE_LOCAL = ipaddress.ip_network("fec0::/10")


class EgressRefused(Exception):
    """The address is not public and is not in SIGNALBOX_EGRESS_ALLOW."""

    def __init__(self, host: str, address: Address) -> None:
        super().__init__(
            f"Connections to {address} ({host}) are refused: "
            "the address is not public and not in SIGNALBOX_EGRESS_ALLOW."
        )


@dataclass(frozen=True, slots=True)
class AllowList:
    """Host names and networks that may be reached although private, each with a port or any."""

    hosts: frozenset[tuple[str, int | None]]
    networks: tuple[tuple[Network, int | None], ...]

    def check(self, host: str, port: int, address: Address) -> None:
        """Raises EgressRefused."""
        if is_public(address):
            return
        name = host.lower().rstrip(".")
        if (name, port) in self.hosts or (name, None) in self.hosts:
            return
        if not any(self._holds(entry, port, address) for entry in self.networks):
            raise EgressRefused(host, address)

    @staticmethod
    def _holds(entry: tuple[Network, int | None], port: int, address: Address) -> bool:
        network, allowed_port = entry
        return address in network and allowed_port in (None, port)


@cache
def allow_list(entries: tuple[str, ...]) -> AllowList:
    """Entries are `host`, `host:port`, an address or CIDR with or without a port, `[v6]:port`."""
    hosts: set[tuple[str, int | None]] = set()
    networks: list[tuple[Network, int | None]] = []
    for entry in filter(None, (raw.strip().lower() for raw in entries)):
        target, port = _split_port(entry)
        try:
            networks.append((ipaddress.ip_network(target, strict=False), port))
        except ValueError:
            hosts.add((target, port))
    return AllowList(frozenset(hosts), tuple(networks))


def is_public(address: Address) -> bool:
    """False for loopback, private, link-local, shared, multicast and reserved addresses."""
    if isinstance(address, IPv6Address) and (inner := _embedded(address)) is not None:
        return is_public(inner)
    refused = address.is_multicast or address.is_reserved or address.is_private
    return address.is_global and not refused and address != AZURE_HOST


def _embedded(address: IPv6Address) -> Address | None:
    """The IPv4 address that an IPv6 address carries; the least public one of two."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo or address in SITE_LOCAL or int(address) >> 32 == 0:
        return IPv4Address(0)
    return None


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("[") and "]" in entry:
        target, _, rest = entry[1:].partition("]")
        return target, int(rest[1:]) if rest[1:].isdigit() else None
    target, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and ":" not in target:
        return target, int(port)
    return entry, None
