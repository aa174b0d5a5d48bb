"""Sets up archiving of WAL, and tells how it goes."""

from __future__ import annotations

import hashlib
import importlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from jobs.backup import archive_wal
from service.core.embedded.files import create_file
from service.core.errors import MissingError, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.core.embedded import EmbeddedServer
    from service.core.memory import Backups

_FOLDER = "archiver"


def set_up(server: EmbeddedServer, system: str, archive: Path | None = None) -> bool:
    """Let the embedded server archive its WAL; True if that was not so before.

    The program is copied beside the archive: the server's user may not be able to enter the
    virtual environment, and an upgrade must not take it away from a running server.

    Args:
        server: whose WAL.
        system: its identifier.
        archive: where to; by default beside its cluster.
    """
    archive = archive or server.wal_archive
    server.account.owns(archive)
    folder = server.home / _FOLDER
    _install(folder)
    python = _python(server, folder)
    words = [
        python,
        "-I",
        "-S",
        str(folder / "archive_wal.py"),
        "%p",
        "%f",
        str(archive / system),
        "--owner",
        owner_of(server),
    ]
    command = " ".join(
        word if word in ("%p", "%f") else shlex.quote(word).replace("%", "%%") for word in words
    )
    if (server.data_dir / "archive-command").is_file():
        known = (server.data_dir / "archive-command").read_text().strip()
        if known == command:
            return False
    server.archive_with(command)
    return True


def announce_histories(server: EmbeddedServer, is_archived: Callable[[str], bool]) -> None:
    """Have timeline histories archived that came about while nothing was.

    A restored cluster begins a timeline before it archives anything, and PostgreSQL announces a
    history only once. Without it no instant on that timeline could be restored.
    """
    status = server.pgdata / "pg_wal" / "archive_status"
    for path in sorted((server.pgdata / "pg_wal").glob("*.history")):
        if not is_archived(path.name):
            (status / f"{path.name}.done").unlink(missing_ok=True)
            os.close(create_file(status / f"{path.name}.ready", server.account))


def owner_of(server: EmbeddedServer) -> str:
    """Who archives: this cluster's home. A copy of it elsewhere is somebody else."""
    path = server.home / _FOLDER / "instance"
    if not path.exists():
        path.write_text(hashlib.sha256(os.urandom(32)).hexdigest()[:12])
    place = hashlib.sha256(os.fsencode(server.home)).hexdigest()[:12]
    return f"{path.read_text().strip()}-{place}"


def _install(folder: Path) -> None:
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    _copy(Path(str(archive_wal.__file__)), folder / "archive_wal.py")
    if sys.version_info >= (3, 14):
        return
    package = Path(str(importlib.import_module("backports.zstd").__file__)).parent
    for path in package.rglob("*"):
        if path.is_file() and path.suffix in (".py", ".so") and "_shutil" not in path.name:
            _copy(path, folder / "backports" / "zstd" / path.relative_to(package))


def _copy(source: Path, target: Path) -> None:
    """Replace a file in one step: the server may be running it."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for parent in (target.parent, target.parent.parent):
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o755 if parent.name != "" else 0o755)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, draft)
    draft.chmod(0o644)
    draft.replace(target)


def _python(server: EmbeddedServer, folder: Path) -> str:
    """An interpreter the server's user can run the program with."""
    base = getattr(sys, "_base_executable", sys.executable)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = "/usr/local/bin:/usr/bin"
    candidates = [
        os.path.realpath(base),
        shutil.which(version, path=places),
        sys.executable,
        shutil.which("python3", path=places),
    ]
    for candidate in filter(None, candidates):
        try:
            done = subprocess.run(
                [candidate, "-I", "-S", str(folder / "archive_wal.py")],
                cwd="/",
                check=False,
                capture_output=True,
                **server.account.process_options,
            )
        except PermissionError:
            continue
        if done.returncode == archive_wal.USAGE:
            return candidate
    raise MissingError(
        f"the user {server.account.name} cannot run a Python, which archives the WAL",
        detail=f"Tried: {', '.join(filter(None, candidates))}.",
        hint="install Python where every user can run it, or set MAGRAY_DATABASE_URL",
    )


async def wait_until_archived(
    is_there: Callable[[], bool], database: Backups | None, name: str, seconds: float
) -> None:
    """Wait until a segment lies in the archive.

    Args:
        is_there: looks.
        database: asked for the reason when it never comes.
        name: of the segment, for the message.
        seconds: the longest to wait.

    Raises:
        TimedOutError: it does not come; says what the archiver last failed at.
    """
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            state = await database.archiver() if database else None
            raise TimedOutError(
                f"WAL {name} was not archived within {seconds:.0f} s",
                detail=""
                if state is None
                else f"Waiting: {state.waiting}, last failure: {state.last_failed_wal} at"
                f" {state.last_failed_time}.",
                hint="magray check; the server's log says what the archive command wrote",
            )
        await anyio.sleep(0.05)
