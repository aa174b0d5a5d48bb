"""Fixtures of the platform tests: directories any user can enter, and servers that are stopped."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.core.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMORY = 128 * 1024 * 1024  # bytes a test server plans with: 32 MB of shared_buffers


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory every user can enter; pytest's own tmp_path is private to root."""
    made = Path(tempfile.mkdtemp(prefix="magray-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def system_dir(open_dir: Path) -> Path:
    """Stands in for /var/lib."""
    return open_dir / "system"


@pytest.fixture
def make_server(system_dir: Path) -> Iterator[Callable[..., EmbeddedServer]]:
    """A function data_dir → EmbeddedServer; whatever it made is stopped after the test."""
    made: list[EmbeddedServer] = []

    def make(data_dir: Path, **options: object) -> EmbeddedServer:
        defaults = {"memory": MEMORY, "durable": False, "system_dir": system_dir}
        server = EmbeddedServer(data_dir, **{**defaults, **options})  # type: ignore[arg-type]
        made.append(server)
        return server

    yield make
    for server in reversed(made):
        if server.is_running or server.started_here:
            server.stop("immediate", force=True)


@pytest.fixture
def server(make_server: Callable[..., EmbeddedServer], open_dir: Path) -> EmbeddedServer:
    """A started server in a directory its user can enter."""
    made = make_server(open_dir / "data")
    made.start()
    return made


@pytest.fixture
def root() -> None:
    """Skip unless the test runs as root."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a server that runs as another user")
