"""WAL to the second: pg_receivewal beside the archive, for what is not archived yet."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from jobs.backup.archive_wal import SEGMENT
from service.core.database import without_password
from service.core.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.backup.repository import Repository

SLOT = "magray_stream"
_TIDY = 10.0  # seconds between two looks for segments that are archived by now


def stream(
    repository: Repository, url: str, system: str, home: Path, until: Callable[[], bool]
) -> None:
    """Receive WAL as it is written, until told to stop.

    Each commit is on this disk within the moment; segments go when the archive has them.

    Args:
        repository: its archive.
        url: of the server.
        system: its identifier.
        home: gets the folder `wal-stream`.
        until: asked every tenth of a second.

    Raises:
        ToolError: pg_receivewal ended by itself.
    """
    folder = home / "wal-stream" / system
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    programs = repository.programs
    target, password = without_password(url)
    common = ["--no-password", f"--dbname={target}", f"--slot={SLOT}"]
    programs.run("pg_receivewal", [*common, "--create-slot", "--if-not-exists"], env=password)
    arguments = [*common, f"--directory={folder}", "--synchronous"]
    with programs.spawn("pg_receivewal", arguments, env=password) as running:
        tidied = time.monotonic()
        while not until():
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(0.1)
            if running.process.poll() is not None:
                raise ToolError("pg_receivewal ended", detail=running.errors().strip()[-1500:])
            if time.monotonic() - tidied > _TIDY:
                tidied = time.monotonic()
                tidy(repository, folder, system)


def tidy(repository: Repository, folder: Path, system: str) -> int:
    """Remove received segments that the archive has; returns how many.

    The newest stays: pg_receivewal goes on after it.
    """
    names = sorted(
        path.name
        for path in folder.iterdir()
        if SEGMENT.fullmatch(path.name) and not path.name.endswith(".partial")
    )
    gone = 0
    for name in names[:-1]:
        if repository.is_archived(system, name):
            (folder / name).unlink()
            gone += 1
    return gone
