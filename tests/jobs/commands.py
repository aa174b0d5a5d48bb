"""Runs `magray` as a user does, on a database of the test, with vectors of 8 numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tests import warm
from tests.conftest import DIM, MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "service.cli.main"]


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a command on this database, without a provider unless `more` says so."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MAGRAY_DATABASE_URL": url,
        "MAGRAY_EMBEDDING__PROVIDER": "none",
        "MAGRAY_EMBEDDING__DIM": str(DIM),
        "MAGRAY_EMBEDDING__MODEL": MODEL,
        **more,
    }


def magray(
    url: str,
    *arguments: str | Path,
    given: bytes = b"",
    more: Mapping[str, str] | None = None,
    patience: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which must come within `patience` seconds."""
    done = warm.magray(
        [*map(str, arguments)],
        given=given,
        timeout=patience,
        environment=environment(url, **(more or {})),
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def rows(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """What a command with --json printed, when it succeeded."""
    assert done.returncode == 0, done.stderr
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]
