"""Where the files of a server lie, also when its user cannot enter the data directory.

Normally everything lies in the data directory:

    pg/           the cluster (PGDATA)
    log/          a week of log files, and start.log with the output of the last start
    wal-archive/  archived write-ahead log
    run/          the Unix socket

Root has to run the server as another user. Where that user cannot enter the data directory (a
checkout below ``/root``, say), no permission of a foreign directory is changed: those four
directories go to ``<system_dir>/magray-<hash of the data directory>`` and the file LOCATION in the
data directory says where and why.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import structlog

from service.core.embedded.account import Account, account_for
from service.core.errors import PlatformError

_log = structlog.get_logger("magray.embedded")

POINTER = "LOCATION"
# In the data directory of a restored cluster: it archives nothing and runs no jobs.
HELD_BACK = "restored.json"
DATABASE = "magray"
PORT = 5432  # only a part of the socket's name: no network port is opened
# sizeof(sockaddr_un.sun_path) - 1 on Linux; macOS and the BSDs have 103.
SOCKET_PATH_MAX = 107 if os.uname().sysname == "Linux" else 103
# libpq splits a host at commas, postgresql.conf lists at commas and quotes.
_AWKWARD = re.compile(r"""[,"'\\\s]""")


@dataclass(frozen=True)
class Site:
    """The resolved places of one server, and the user they belong to.

    Attributes:
        data_dir: the directory MAGRAY was given, absolute.
        home: the directory that holds the server's four directories; mostly ``data_dir``.
        account: the user the server runs as.
    """

    data_dir: Path
    home: Path
    account: Account

    @property
    def pgdata(self) -> Path:
        """The cluster."""
        return self.home / "pg"

    @property
    def log_dir(self) -> Path:
        """The directory of the log files."""
        return self.home / "log"

    @property
    def start_log(self) -> Path:
        """What the server printed before its own log collector ran."""
        return self.log_dir / "start.log"

    @property
    def wal_archive(self) -> Path:
        """The directory made ready for archived write-ahead log."""
        return self.home / "wal-archive"

    @property
    def archive_command(self) -> str | None:
        """The command that archives WAL, once backups have set it up."""
        try:
            return (self.data_dir / "archive-command").read_text().strip() or None
        except FileNotFoundError:
            return None

    @property
    def is_held_back(self) -> bool:
        """Whether this is a restored cluster that nobody has released yet."""
        return (self.data_dir / HELD_BACK).exists()

    @property
    def name(self) -> str:
        """The server's name in process titles: one for each home directory."""
        return f"magray-{_digest(self.home)[:8]}"

    @property
    def run_dir(self) -> Path:
        """The private directory of the socket: ``run`` where its path is short and plain."""
        near = self.home / "run"
        socket = f"{near}/.s.PGSQL.{PORT}"
        if len(os.fsencode(socket)) <= SOCKET_PATH_MAX and not _AWKWARD.search(socket):
            return near
        return Path("/tmp") / f"magray-{_digest(self.home)}"  # noqa: S108  ownership is checked

    def prepare(self) -> None:
        """Make the directories, private and owned by the server's user.

        Raises:
            PlatformError: a directory belongs to someone else, or cannot be made.
        """
        if self.pgdata.exists():
            self.account.owns(self.pgdata)
        self.account.owns(self.log_dir)
        self.account.owns(self.wal_archive)
        if self.run_dir.parent == self.home:
            self.account.owns(self.run_dir)
        else:
            self._prepare_distant_run_dir()

    def tidy(self) -> None:
        """Remove a socket directory that lies elsewhere; nothing is lost if somebody uses it."""
        if self.run_dir.parent != self.home:
            with contextlib.suppress(OSError):
                self.run_dir.rmdir()

    def _prepare_distant_run_dir(self) -> None:
        """In a directory everyone writes to, take only what is surely ours."""
        try:
            self.run_dir.mkdir(mode=0o700)
        except FileExistsError:
            found = self.run_dir.lstat()
            ours = found.st_uid in (self.account.uid, os.geteuid())
            if not ours or self.run_dir.is_symlink() or not self.run_dir.is_dir():
                raise PlatformError(
                    f"The socket directory {self.run_dir} belongs to someone else.",
                    detail=f"Its owner is uid {found.st_uid}, not {self.account.name}.",
                    hint="set MAGRAY_DATA_DIR to a shorter path, so the socket fits into it",
                ) from None
        self.account.owns(self.run_dir)


def settle(data_dir: Path, system_dir: Path) -> Site:
    """Decide where the server of ``data_dir`` lies and who runs it.

    Args:
        data_dir: made when missing.
        system_dir: where a cluster goes whose user cannot enter ``data_dir``.

    Raises:
        PlatformError: no place can be made, or an existing cluster cannot be reached.
    """
    data_dir = _make_data_dir(data_dir)
    pointer = data_dir / POINTER
    home = _read_pointer(pointer) if pointer.exists() else data_dir
    site = Site(data_dir, home, account_for(home / "pg"))
    if not site.account.is_caller:
        site = _reachable(site, system_dir)
    return site


def holds_database(data_dir: Path) -> bool:
    """Whether a data directory has its cluster; makes nothing. One nobody may look into counts."""
    try:
        pointer = data_dir / POINTER
        home = _read_pointer(pointer) if pointer.exists() else data_dir
        return (home / "pg" / "PG_VERSION").exists()
    except PermissionError:
        return True


def _make_data_dir(data_dir: Path) -> Path:
    try:
        data_dir = data_dir.expanduser().resolve()
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:  # the server's user passes through, but cannot list it
            data_dir.chmod(data_dir.stat().st_mode | 0o011)
    except OSError as error:
        raise PlatformError(
            f"The data directory {data_dir} cannot be made.",
            detail=str(error),
            hint="set MAGRAY_DATA_DIR to a directory you may write to",
        ) from error
    return data_dir


def _reachable(site: Site, system_dir: Path) -> Site:
    """Return ``site``, or another one below ``system_dir`` that its user can enter."""
    blocked = site.account.blocked_at(site.home)
    if blocked is None:
        return site
    if (site.pgdata / "PG_VERSION").exists() or site.home != site.data_dir:
        raise PlatformError(
            f"The user {site.account.name} can no longer enter {blocked}.",
            detail=f"PostgreSQL runs as that user, and its database lies in {site.pgdata}.",
            hint=f"chmod o+x {blocked}",
        )
    home = system_dir / f"magray-{_digest(site.data_dir)}"
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        home.chmod(0o711)
    except OSError as error:
        raise _nowhere(site, blocked, str(error)) from error
    moved = Site(site.data_dir, home, account_for(home / "pg"))
    still_blocked = moved.account.blocked_at(home)
    if still_blocked is not None:
        raise _nowhere(site, still_blocked, f"It cannot enter {still_blocked} either.")
    if moved.pgdata.exists():
        _log.warning("embedded_postgres_found_again", home=str(home), data_dir=str(site.data_dir))
    else:
        _log.warning("embedded_postgres_relocated", home=str(home), blocked_at=str(blocked))
    (site.data_dir / POINTER).write_text(
        f"{home}\n\n"
        f"The database of this directory lies in the directory above, because PostgreSQL runs as\n"
        f"the user {site.account.name}, who cannot enter {blocked}.\n"
        f"To begin afresh, stop magray and remove both directories.\n"
    )
    return moved


def _nowhere(site: Site, blocked: Path, detail: str) -> PlatformError:
    return PlatformError(
        f"The user {site.account.name}, who runs PostgreSQL, cannot enter {blocked}.",
        detail=detail,
        hint=f"MAGRAY_DATA_DIR=/var/lib/magray magray serve, or chmod o+x {blocked}",
    )


def _read_pointer(pointer: Path) -> Path:
    try:
        return Path(pointer.read_text().splitlines()[0])
    except (OSError, IndexError) as error:
        raise PlatformError(
            f"The file {pointer}, which says where the database lies, cannot be read.",
            detail=str(error),
            hint="run magray as the user who made it, or write the directory into its first line",
        ) from error


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
