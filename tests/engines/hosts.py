"""Two hosts on one machine: network namespaces with an address each, and a cable between them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

DEVICE = "cable"
ADDRESSES = ("10.213.7.1", "10.213.7.2")


@dataclass
class Host:
    """A namespace; ``prefix`` before a command runs it there."""

    name: str
    address: str

    @property
    def prefix(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    def start(self, command: Sequence, **named) -> subprocess.Popen:
        return subprocess.Popen([*self.prefix, *command], **named)

    def cable(self, state: str) -> None:
        """Plug it in (``up``) or pull it out (``down``)."""
        ip("-n", self.name, "link", "set", DEVICE, state)


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """The hosts; skips in words where they can't be made."""
    if shutil.which("ip") is None:
        pytest.skip("there is no ip command to make network namespaces with (Debian: apt-get install iproute2)")
    if os.getuid() != 0:
        pytest.skip("only root can make network namespaces")
    hosts = tuple(
        Host(f"amc{os.getpid()}{letter}", address) for letter, address in zip("ab", ADDRESSES, strict=True)
    )
    try:
        try:
            for host in hosts:
                ip("netns", "add", host.name)
            cable = [("netns", host.name) for host in hosts]
            ip("link", "add", DEVICE, *cable[0], "type", "veth", "peer", "name", DEVICE, *cable[1])
        except OSError as error:
            pytest.skip(f"this kernel makes no network namespaces ({error})")
        for host in hosts:
            ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", DEVICE)
            ip("-n", host.name, "link", "set", "lo", "up")
            host.cable("up")
        yield hosts
    finally:
        for host in hosts:
            with suppress(OSError):
                ip("netns", "del", host.name)
