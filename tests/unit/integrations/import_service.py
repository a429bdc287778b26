"""An import service in memory that speaks the contract: as a transport, or over real HTTP."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
from pydantic_core import from_json, to_json

TOKEN = "a token"

Trouble = Callable[[list[bytes]], httpx2.Response]


class Service:
    """Remembers keys, answers a result a line and then the sum.

    `troubles` are what goes wrong with one request each, in order; `None` is a request that goes well.
    """

    def __init__(self, *troubles: Trouble | None) -> None:
        self.troubles = list(troubles)
        self.positions: dict[str, int] = {}
        self.requests: list[list[str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.url.path) == ("POST", "/v1/imports")
        assert request.headers["Content-Type"] == "application/x-ndjson"
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return httpx2.Response(401, json={"title": "Unauthorized", "detail": "The token is not ours."})
        lines = [from_json(line) for line in request.content.splitlines()]
        self.requests.append([line["key"] for line in lines])
        trouble = self.troubles.pop(0) if self.troubles else None
        answers = [self.answer(number, line) for number, line in enumerate(lines, start=1)]
        return (
            trouble(answers)
            if trouble
            else httpx2.Response(200, content=b"".join((*answers, total(answers))))
        )

    def answer(self, number: int, line: dict[str, Any]) -> bytes:
        key = line["key"]
        if line.get("command") == "refuse me":
            return ndjson(line=number, key=key, outcome="refused", code="milestone_unknown", detail="None.")
        outcome = "replayed" if key in self.positions else "recorded"
        position = self.positions.setdefault(key, len(self.positions) + 1)
        return ndjson(line=number, key=key, outcome=outcome, position=position)

    def client(self) -> httpx2.Client:
        return httpx2.Client(
            transport=httpx2.MockTransport(self),
            base_url="http://projects",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )


def total(answers: Sequence[bytes]) -> bytes:
    return ndjson(lines=len(answers), position=1)


def ndjson(**fields: Any) -> bytes:
    return to_json(fields) + b"\n"


@contextmanager
def served(service: Service) -> Iterator[str]:
    """The service behind a port of its own; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            url = f"http://projects{self.path}"
            answer = service(httpx2.Request("POST", url, headers=dict(self.headers), content=content))
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Tests read their own output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
