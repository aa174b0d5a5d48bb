"""An OpenAI-compatible endpoint on the loopback that answers as a test wants it to."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = tuple[int, dict[str, str], Any]


def vectors(request: dict[str, Any], dim: int = 4) -> Answer:
    """A vector by the text's length, in reverse order, so that the index is needed."""
    data = [
        {"index": i, "embedding": [float(len(text)), 1.0] + [0.0] * (dim - 2)}
        for i, text in enumerate(request["input"])
    ]
    return 200, {}, {"data": data[::-1], "usage": {"total_tokens": 1}}


class Endpoint(ThreadingHTTPServer):
    """Answers by the functions of ``script`` in turn, then by ``otherwise``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Callable[[dict[str, Any]], Answer]] = []
        self.seen: list[tuple[str, str | None, dict[str, Any]]] = []
        self.otherwise: Callable[[dict[str, Any]], Answer] = vectors
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, self.headers["authorization"], request))
        answer = self.server.script.pop(0) if self.server.script else self.server.otherwise
        status, headers, content = answer(request)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:  # the client has left, as some of these tests want it to
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


def fixed(content: Any, code: int = 200, **headers: str) -> Callable[[dict[str, Any]], Answer]:
    """The same answer whatever is asked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: (code, named, content)


def status(code: int, **headers: str) -> Callable[[dict[str, Any]], Answer]:
    return fixed({"error": {"message": f"said {code}"}}, code, **headers)


@contextmanager
def listening() -> Iterator[Endpoint]:
    """An endpoint in a thread of its own."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
