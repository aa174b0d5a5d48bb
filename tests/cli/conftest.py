"""Directories every user can enter, for the embedded server of root runs as another user."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.program import Service


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A place of this file's own."""
    made = Path(tempfile.mkdtemp(prefix="magray-test-"))
    made.chmod(0o755)
    home = Home(made)
    yield home
    for process in home.started:  # those a failed test left
        if process.poll() is None:
            process.terminate()
            process.wait()
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def service(home: Home) -> Iterator[Service]:
    """A service of this file's own, on its embedded database."""
    made = home.serve()
    yield made
    assert made.process.poll() is None, made.log.read_text()
    assert made.stop() == 0
