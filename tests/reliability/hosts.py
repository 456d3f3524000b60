"""Hosts of their own on one machine: network namespaces on a bridge, whose cables can be pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Host:
    """`enter` is what a command is to be preceded by to run there, under a host name of its own."""

    name: str
    cable: str
    address: str
    bridge: str  # the address that it reaches the others by

    @property
    def enter(self) -> tuple[str, ...]:
        namespace = ("ip", "netns", "exec", self.name)
        return (*namespace, "unshare", "--uts", "sh", "-c", f'hostname {self.name}; exec "$@"', "-")

    def cut_off(self) -> None:
        """From now on every packet to or from it is lost, and nobody is told."""
        _ip("link", "set", self.cable, "down")

    def go_deaf(self) -> None:
        """From now on every packet to it is lost; what it sends arrives."""
        _ip("route", "add", "blackhole", self.address)

    def go_dumb(self) -> None:
        """From now on every packet that it sends is lost; it hears."""
        nobody = ("lladdr", "02:00:00:00:00:99", "nud", "permanent")
        _ip("-n", self.name, "neigh", "replace", self.bridge, "dev", "eth0", *nobody)

    def join(self) -> None:
        """Whatever was cut works again."""
        _ip("link", "set", self.cable, "up", check=False)
        _ip("route", "del", "blackhole", self.address, check=False)
        _ip("-n", self.name, "neigh", "del", self.bridge, "dev", "eth0", check=False)


@contextmanager
def hosts(*names: str) -> Iterator[tuple[str, list[Host]]]:
    """A bridge's address, and a host for each name. Skips where the machine forbids it."""
    if not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("needs ip (Debian: apt-get install iproute2) and unshare")
    number = os.getpid() % 250
    bridge, network = f"sb{number}", f"10.213.{number}"
    made: list[Host] = []
    try:
        _first_step("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{network}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for place, name in enumerate(names):
            address = f"{network}.{place + 2}"
            made.append(Host(f"{bridge}-{name}", f"{bridge}v{place}", address, f"{network}.1"))
            _wire(made[-1], bridge)
        yield f"{network}.1", made
    finally:
        for host in made:
            host.join()
            _ip("netns", "del", host.name, check=False)
        _ip("link", "del", bridge, check=False)


def _wire(host: Host, bridge: str) -> None:
    inside = ("-n", host.name)
    _ip("netns", "add", host.name)
    _ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", host.cable, "master", bridge, "up")
    _ip(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "link", "set", "lo", "up")


def _first_step(*arguments: str) -> None:
    try:
        _ip(*arguments)
    except subprocess.CalledProcessError as refused:
        pytest.skip(f"may not make network namespaces: {refused.stderr.strip()}")


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)
