"""`magray serve` as a newcomer runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.core.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent


class Running:
    """A service of the test's own, and a shell in its working directory."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("MAGRAY_")},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "MAGRAY_PORT": "0",
            **more,
        }
        self.log = folder / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BIN / "magray", "serve"], cwd=folder, env=self.environment, stdout=log, stderr=log
            )
        self.base = self._wait()

    def _wait(self) -> str:
        for _ in range(600):
            found = re.search(r"serves on (http://\S+),", self.log.read_text())
            if found:
                try:
                    urllib.request.urlopen(found[1] + "/health/ready", timeout=5).close()  # noqa: S310
                except urllib.error.URLError:
                    pass
                else:
                    return found[1]
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def shell(self, script: str) -> str:
        """What a block prints; any command that fails fails the test."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8080", self.base)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def key(self) -> str:
        """The key of its first start."""
        return (self.folder / ".magray" / "key").read_text().strip()

    @property
    def database_url(self) -> str:
        """A superuser's way into its database."""
        return EmbeddedServer(self.folder / ".magray").url()


@contextmanager
def serving(**environment: str) -> Iterator[Running]:
    """Serve until the end of the block, with more of an environment; the end must be clean."""
    with tempfile.TemporaryDirectory(prefix="magray-serving-") as name:
        Path(name).chmod(0o755)
        service = Running(Path(name), **environment)
        yield service
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) == 0, service.log.read_text()
