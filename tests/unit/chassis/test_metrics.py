"""Metrics are served on a port of their own."""

import httpx2
import pytest

from libs.chassis import metrics


def test_the_registry_is_served_while_the_block_runs() -> None:
    with metrics.served("things", "127.0.0.1", 0) as port:
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'milepost_service{service="things"} 1.0' in text
        assert "milepost_http_request_seconds" in text
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{port}/metrics")


def test_without_a_port_nothing_is_served() -> None:
    with metrics.served("things", "127.0.0.1", None) as port:
        assert port is None
