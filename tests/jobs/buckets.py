"""A real S3-protocol server with faults on demand: moto behind a WSGI layer of the test's own."""

from __future__ import annotations

import io
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Start = Any


@dataclass
class Faults:
    """What the server does wrong from now on.

    Attributes:
        fail: answer the next so many requests of this method with 503.
        deny: refuse these methods with 403.
        shorten: drop so many bytes off the end of every upload.
        seen: method and path of every request.
        act: called with the number of requests seen, as each arrives.
    """

    fail: dict[str, int] = field(default_factory=dict)
    deny: set[str] = field(default_factory=set)
    shorten: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    act: Callable[[int], None] = lambda _: None


class _Faulty:
    """WSGI: moto's application behind the faults."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        method, faults = environ["REQUEST_METHOD"], self._faults
        # one DELETE may come as POST ?delete of many
        if method == "POST" and "delete" in environ.get("QUERY_STRING", ""):
            method = "DELETE"
        faults.seen.append((method, environ["PATH_INFO"]))
        faults.act(len(faults.seen))
        if method == "PUT" and faults.shorten:
            _shorten(environ, faults.shorten)
        if faults.fail.get(method):
            faults.fail[method] -= 1
            return _refuse(environ, start, "503 Slow Down", "SlowDown")
        if method in faults.deny:
            return _refuse(environ, start, "403 Forbidden", "AccessDenied")
        answer: Iterable[bytes] = self._moto(environ, start)
        return answer


def _shorten(environ: dict[str, Any], number: int) -> None:
    """The upload loses its end, and nobody notices: no checksum goes along."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))[:-number]
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    for name in [key for key in environ if "CONTENT_SHA256" in key or "CHECKSUM" in key]:
        del environ[name]


def _refuse(environ: dict[str, Any], start: Start, status: str, code: str) -> list[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


@dataclass
class Bucket:
    """A running server with one bucket.

    Attributes:
        url: of a folder in the bucket, for the settings.
        environment: what a program needs to reach it.
        faults: what goes wrong.
    """

    url: str
    environment: dict[str, str]
    faults: Faults


def serve_bucket() -> Iterator[Bucket]:
    """Run the server on a free port of the loopback until the generator is closed."""
    faults = Faults()
    server = make_server("127.0.0.1", 0, _Faulty(faults), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        name = f"memories-{uuid.uuid4()}"  # moto keeps what it stores as long as the process lives
        httpx2.put(f"{endpoint}/{name}").raise_for_status()
        faults.seen.clear()
        yield Bucket(
            url=f"s3://{name}/archive",
            environment={
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
            },
            faults=faults,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
