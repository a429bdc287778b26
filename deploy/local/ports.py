"""Loopback ports: the wanted one, or the next that is free."""

import random
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
STEPS_MAX = 100
# Above the customary ones, and below those that systems give to connections that go out (Linux from 32768): one of
# these would be taken by somebody's connection before its server listens, or while it is started again.
ARBITRARY = range(10_000, 32_768)
_chance = random.SystemRandom()


def is_free(port: int) -> bool:
    """True if a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def next_free_port(wanted: int, taken: Collection[int] = ()) -> int:
    """The wanted port or the first free one after it, never one of `taken`."""
    for port in range(wanted, wanted + STEPS_MAX):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port between {wanted} and {wanted + STEPS_MAX - 1}")


def any_free_port() -> int:
    """A port seen free just now; tests use it so that runs side by side do not meet."""
    for _ in range(STEPS_MAX):
        port = _chance.choice(ARBITRARY)
        if is_free(port):
            return port
    raise OSError(f"no free port between {ARBITRARY.start} and {ARBITRARY.stop - 1}")


def accepts(port: int) -> bool:
    """True if something answers a connection on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
