"""`magray` in a directory of its own, as a person would run it; what serves is the program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from tests import warm

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = str(Path(sys.executable).with_name("magray"))
PATIENCE = 120  # seconds a program may take before the test calls it stuck


@dataclass
class Home:
    """A directory with its `magray.toml`, data directory and environment."""

    path: Path
    more: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if name[:7] != "MAGRAY_"}
        return {
            **clean,
            "MAGRAY_DATA_DIR": str(self.path / "data"),
            "MAGRAY_PORT": "0",
            # no model: these tests are about the program
            "MAGRAY_EMBEDDING__PROVIDER": "none",
            "MAGRAY_EMBEDDING__DIM": "8",
            "COLUMNS": "200",
            **self.more,
        }

    def on(self, url: str) -> Home:
        """The same place with another database than the embedded one."""
        return Home(self.path, {**self.more, "MAGRAY_DATABASE_URL": url})

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with this exit code, and never with a traceback."""
        ended = warm.magray(
            arguments, environment=self.environment, cwd=self.path, timeout=PATIENCE
        )
        done = subprocess.CompletedProcess(
            ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def psql(self, statement: str) -> str:
        """What psql prints, unaligned."""
        return self.run("psql", "-Atc", statement).stdout.strip()

    def serve(self, *arguments: str) -> Service:
        """Start the service and wait until it says where it is."""
        log = self.path / f"log-{time.monotonic_ns()}"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [PROGRAM, "serve", *arguments],
                cwd=self.path,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.started.append(process)
        return Service(self, process, log, "".join(_greeting(process, log)))


def _greeting(process: subprocess.Popen[str], log: Path) -> Iterator[str]:
    """What the service prints until it has said how long memories live."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if "expires_at says" in line:
            return
    raise AssertionError(f"the service ended with {process.wait()}: {log.read_text()}")


@dataclass
class Service:
    """A running `magray serve`."""

    home: Home
    process: subprocess.Popen[str]
    log: Path
    greeting: str

    @property
    def base(self) -> str:
        found = re.search(r"http://[\d.]+:\d+", self.greeting)
        assert found, self.greeting
        return found[0]

    @property
    def key(self) -> str:
        return (self.home.path / "data" / "key").read_text().strip()

    def client(self, key: str | None = None) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx2.Client(base_url=self.base, headers=headers, timeout=30)

    def curls(self) -> list[str]:
        """The commands it printed."""
        return re.findall(r"^  curl .*?'$", self.greeting, flags=re.MULTILINE | re.DOTALL)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit code once it is gone."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        assert "Traceback" not in self.log.read_text()
        return code
