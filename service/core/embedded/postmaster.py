"""What runs on a cluster: its pid file, its processes, its log, and what its errors mean."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import structlog

from service.core.embedded.files import replace_file
from service.core.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.core.embedded.site import Site

_log = structlog.get_logger("magray.embedded")

_ORPHAN_PATIENCE = 5.0  # seconds children of a dead postmaster get to notice it
# Linux numbers processes below 2^22, macOS below 100,000: nobody can ever have this one.
_NOBODYS_PID = 2**31 - 1
_TELLING = re.compile(
    r"\b(FATAL|PANIC|ERROR|DETAIL|HINT|CONTEXT):"
    r"|unrecognized configuration parameter|invalid value for|syntax error|could not"
)
_TAIL_LINES = 12
_TAIL_BYTES = 1 << 18  # of a file

# First match wins. Texts of PostgreSQL 18; {home}, {pgdata} and {account} are filled in.
_HINTS = (
    ("No space left on device", "df -h {home}; free some space and start again"),
    ("Permission denied|could not open .*Operation not permitted", "chown -R {account} {pgdata}"),
    (
        "Cannot allocate memory|could not map anonymous shared memory|could not resize shared",
        "lower shared_buffers in {pgdata}/user.conf",
    ),
    (
        "unrecognized configuration parameter|invalid value for parameter|syntax error in file"
        "|configuration file .* contains errors",
        "correct the named line in {pgdata}/user.conf or {pgdata}/postgresql.auto.conf",
    ),
    (
        "could not locate a valid checkpoint|invalid checkpoint record|incorrect checksum"
        "|invalid magic number",
        "magray restore; never pg_resetwal, which loses what was committed",
    ),
    ("lock file .* already exists|pre-existing shared memory", "ps -fu {account}"),
)


@dataclass(frozen=True)
class PidFile:
    """The lines of postmaster.pid that matter here.

    Attributes:
        pid: of the postmaster.
        port: which ends the name of its socket.
        socket_dir: the directory of its socket; empty while it starts.
        status: ``starting``, ``ready``, ``standby`` or ``stopping``; empty while it starts.
    """

    pid: int
    port: int
    socket_dir: str
    status: str


def read_pid_file(pgdata: Path) -> PidFile | None:
    """Return what postmaster.pid says, or None when there is none or it is being written."""
    try:
        lines = [line.strip() for line in (pgdata / "postmaster.pid").read_text().splitlines()]
        padded = lines + [""] * (8 - len(lines))
        return PidFile(int(padded[0]), int(padded[3] or 0), padded[4], padded[7])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def living(site: Site) -> PidFile | None:
    """Return the pid file if the process it names is alive and is the server of ``site``."""
    found = read_pid_file(site.pgdata)
    if found is None:
        return None
    try:
        process = psutil.Process(found.pid)
    except psutil.NoSuchProcess:
        return None
    return found if _belongs(process, site) else None


def processes(site: Site) -> list[psutil.Process]:
    """Return every live PostgreSQL process of the cluster, orphans of a dead postmaster too."""
    candidates = (p for p in psutil.process_iter(["name"]) if "postgres" in (p.info["name"] or ""))
    return [process for process in candidates if _belongs(process, site)]


def _belongs(process: psutil.Process, site: Site) -> bool:
    """Tell whether a process serves the cluster.

    Every PostgreSQL process works in its PGDATA. In a container even root may not read that of
    another user's process; then the command line tells: the postmaster has ``-D PGDATA`` and its
    children carry the cluster's name.
    """
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        try:
            return bool(process.cwd() == str(site.pgdata))
        except psutil.AccessDenied:
            words = process.cmdline()
            return str(site.pgdata) in words or words[:1][0].startswith(f"postgres: {site.name}:")
    except (psutil.NoSuchProcess, psutil.AccessDenied, IndexError):
        return False


def end_orphans(site: Site) -> None:
    """Wait for the children of a postmaster that was killed: they still hold its memory.

    They end by themselves when they next wait for something; one that computes for longer gets
    SIGQUIT, which ends it without touching the data. Recovery follows in any case.

    Raises:
        PlatformError: some of them do not end.
    """
    orphans = processes(site)
    if not orphans:
        return
    _, alive = psutil.wait_procs(orphans, timeout=_ORPHAN_PATIENCE)
    for process in alive:
        _log.warning("embedded_postgres_orphan_ended", pid=process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGQUIT)
    _, alive = psutil.wait_procs(alive, timeout=_ORPHAN_PATIENCE)
    survivors = [process for process in alive if _belongs(process, site)]
    if survivors:
        raise PlatformError(
            "Processes of an earlier PostgreSQL on the same data do not end.",
            detail=f"Their pids: {', '.join(str(process.pid) for process in survivors)}.",
            hint=f"ps -fu {site.account.name}",
        )


def disarm_stale_locks(site: Site) -> bool:
    """Keep a dead server's lock files from blocking the start. True if something was changed.

    PostgreSQL refuses to start while the pid in one of them is a live process of its user. After a
    crash that number may be a zombie nobody reaps, or, in a restarted container, another program.

    In postmaster.pid the number is replaced by one no process can have. The file stays, because it
    also names the shared memory by which PostgreSQL notices survivors of the old server: that
    check must stand. The lock of the socket holds nothing else and is removed.
    """
    if living(site) is not None:
        return False
    socket_locks = list(site.run_dir.glob(".s.PGSQL.*.lock"))
    for path in socket_locks:
        path.unlink(missing_ok=True)
    found = read_pid_file(site.pgdata)
    if found is None or not psutil.pid_exists(found.pid):
        return bool(socket_locks)
    path = site.pgdata / "postmaster.pid"
    _, _, rest = path.read_text().partition("\n")
    replace_file(path, f"{_NOBODYS_PID}\n{rest}", site.account)
    return True


class LogWatch:
    """The lines a server has written since this watch began."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seen = {path: path.stat().st_size for path in self._files()}
        self._seen.pop(site.start_log, None)  # written anew by each start

    def lines(self) -> list[str]:
        """Return the new lines of the start's own output, then those of the log (its end)."""
        text = ""
        for path in self._files():
            size = path.stat().st_size
            offset = self._seen.get(path, 0)
            with path.open("rb") as file:
                file.seek(max(offset if offset <= size else 0, size - _TAIL_BYTES))
                # a crash of the machine may leave NULs, which no text of PostgreSQL holds
                text += file.read().decode("utf-8", "replace").replace("\0", "")
        return [line for line in text.splitlines() if line.strip()]

    def failure(self, message: str) -> PlatformError:
        """Return an error with the lines that tell why, and a hint that fits them."""
        lines = self.lines()
        telling = [line for line in lines if _TELLING.search(line)] or lines
        detail = "\n".join(telling[-_TAIL_LINES:]) or "PostgreSQL wrote nothing."
        return PlatformError(message, detail=detail, hint=hint_for("\n".join(lines), self._site))

    def _files(self) -> list[Path]:
        logs = sorted(self._site.log_dir.glob("postgres-*.log"), key=lambda p: p.stat().st_mtime)
        return [path for path in (self._site.start_log, *logs) if path.exists()]


def hint_for(text: str, site: Site) -> str:
    """Return what to do about the errors in ``text``."""
    places = {"home": site.home, "pgdata": site.pgdata, "account": site.account.name}
    for pattern, hint in _HINTS:
        if re.search(pattern, text):
            return hint.format(**places)
    return f"less {site.log_dir}{os.sep}*.log"


@contextlib.contextmanager
def explained(site: Site) -> Iterator[None]:
    """Turn what the file system refuses into an error with a hint."""
    try:
        yield
    except OSError as error:
        raise PlatformError(
            f"The embedded PostgreSQL could not be made ready in {site.home}.",
            detail=str(error),
            hint=hint_for(str(error), site),
        ) from error
