"""A service of the benchmark's own, as a process, and one client on a kept-alive connection."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from service.core.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_TIMEOUT = 60.0  # seconds


class Client:
    """Posts JSON over one connection, as an app with a connection pool does.

    Attributes:
        base: URL of the service.
    """

    def __init__(self, host: str, port: int, key: str) -> None:
        self.base = f"http://{host}:{port}"
        self._connection = http.client.HTTPConnection(host, port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def post(self, path: str, body: bytes) -> bytes:
        """The answer's body; PlatformError when it is not a success."""
        try:
            self._connection.request("POST", path, body, self._headers)
            answer = self._connection.getresponse()
        except ConnectionError:
            # the service ends a connection nothing came over for some seconds
            self._connection.close()
            self._connection.request("POST", path, body, self._headers)
            answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise PlatformError(f"the service answered {answer.status}", detail=content.decode())
        return content

    def search(self, **request: Any) -> list[dict[str, Any]]:
        """The results of a search."""
        answer = msgspec.json.decode(self.post("/v1/search", msgspec.json.encode(request)))
        results: list[dict[str, Any]] = answer["results"]
        return results


@contextmanager
def service(database_url: str, key: str, *, jobs: bool = True) -> Iterator[Client]:
    """Run `magray serve` on a database, on a free port; ends with the block."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAGRAY_")},
        "MAGRAY_DATABASE_URL": database_url,
        "MAGRAY_PORT": "0",
        "MAGRAY_JOBS": str(jobs).lower(),
        "MAGRAY_LOG_LEVEL": "warning",
        "MAGRAY_EMBEDDING__PROVIDER": "none",
    }
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli.main", "serve"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            host, port = _address(process, Path(log.name))
            with closing(Client(host, port, key)) as client:
                yield client
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    """Where the service listens, once it answers."""
    until = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"serves on http://([\d.]+):(\d+),", log.read_text())
        if found:
            try:
                connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=5)
                with closing(connection) as probe:
                    probe.request("GET", "/health/ready")
                    if probe.getresponse().status == 200:
                        return found[1], int(found[2])
            except OSError:
                pass
        time.sleep(0.1)
    raise PlatformError("the service did not start", detail=log.read_text()[-2000:])
