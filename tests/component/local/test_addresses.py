"""Ports of a run: the customary ones, busy ones stepped over and said."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from deploy.local import addresses
from deploy.local.addresses import Addresses
from deploy.local.ports import LOOPBACK, any_free_port, is_free


@contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, port))
        listener.listen()
        yield


@pytest.fixture
def customary(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Two neighboring ports in the role of the customary ones: the real ones may be in use on this machine."""
    while not is_free((first := any_free_port()) + 1) or not is_free(first + 2):
        continue
    ports = {"projects": first, "timeline": first + 1}
    monkeypatch.setattr(addresses, "CUSTOMARY", ports)
    return ports


def test_free_ports_are_the_customary_ones(customary: dict[str, int]) -> None:
    chosen = Addresses.customary(customary)
    assert chosen.ports == customary
    assert chosen.stepped_over() == []


def test_a_busy_port_is_stepped_over_without_taking_a_neighbors_and_said(customary: dict[str, int]) -> None:
    first = customary["projects"]
    with listening(first):
        chosen = Addresses.customary(customary)
    assert chosen.ports == {"projects": first + 2, "timeline": first + 1}
    assert chosen.stepped_over() == [f"port {first} is busy: projects uses {first + 2}"]


def test_every_listener_of_a_run_beside_others_has_a_port_of_its_own() -> None:
    ports = Addresses.arbitrary().ports
    assert ports.keys() == addresses.CUSTOMARY.keys()
    assert len(set(ports.values())) == len(ports)
    assert all(is_free(port) for port in ports.values())


def test_a_connection_that_goes_out_takes_no_port_of_a_server_that_is_not_listening_yet() -> None:
    with ExitStack() as opened:
        given: list[int] = []
        for _ in range(200):
            going_out = opened.enter_context(socket.socket())
            going_out.bind((LOOPBACK, 0))
            given.append(going_out.getsockname()[1])
    assert max(any_free_port() for _ in range(200)) < min(given)
