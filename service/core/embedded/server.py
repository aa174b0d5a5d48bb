"""EmbeddedServer: start, attach, stop, and run client programs."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog

from service.core.embedded.binaries import Binaries, usable
from service.core.embedded.client import run_client
from service.core.embedded.cluster import (
    SUPERUSER,
    configure,
    ensure_cluster,
    ensure_database,
)
from service.core.embedded.ending import (
    Cause,
    StopMode,
    cause_of_end,
    cause_of_refusal,
    end_unwanted,
    stop,
)
from service.core.embedded.launch import Child
from service.core.embedded.lock import Attendance, StartLock
from service.core.embedded.patience import POLL, Patience
from service.core.embedded.postmaster import (
    LogWatch,
    disarm_stale_locks,
    end_orphans,
    explained,
    living,
)
from service.core.embedded.site import DATABASE, PORT, Site, settle
from service.core.embedded.tuning import this_machine
from service.core.errors import PlatformError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from service.core.embedded.account import Account

_log = structlog.get_logger("magray.embedded")

_DYING_PATIENCE = 5.0  # seconds a server that does not answer gets to be gone
_PASSING = re.compile("the database system is (starting up|in recovery|not (yet )?accepting)")


class EmbeddedServer:
    """The PostgreSQL of one data directory, shared by all processes that open that directory.

    The first starts the server, the others attach, and the last one to stop using it stops it; a
    process that dies without a word counts as gone, and where it was the last a guard (`guard.py`)
    stops the server.

    Args:
        data_dir: where everything lies; see ``site.py`` for the layout and the exception.
        memory: bytes to plan with; by default those of the machine or of the control group.
        durable: False switches fsync off. For tests only.
        start_timeout: seconds to wait for the server, which may be recovering from a crash.
        on_progress: called with one line while a start takes longer than a few seconds.
        system_dir: where root puts what the server's user cannot reach in ``data_dir``.
        options: settings for this start only, above every configuration file.
        bin_dir: the folder ``bin`` of another PostgreSQL 18 than the packaged one.

    Attributes:
        made: whether a start of this handle made the cluster.

    Raises:
        PlatformError: from every method, when the system does not allow what it needs.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        memory: int | None = None,
        durable: bool = True,
        start_timeout: float = 600.0,
        on_progress: Callable[[str], None] | None = None,
        system_dir: Path = Path("/var/lib"),
        options: Mapping[str, str] | None = None,
        bin_dir: Path | None = None,
    ) -> None:
        self._data_dir = Path(data_dir)
        self._memory = memory
        self._durable = durable
        self._patience = Patience(start_timeout, on_progress)
        self._system_dir = system_dir.resolve()
        self._options = dict(options or {})
        self._bin_dir = bin_dir
        self._child = Child()
        self._watch: LogWatch | None = None
        self.made = False

    @cached_property
    def _site(self) -> Site:
        return settle(self._data_dir, self._system_dir)

    @cached_property
    def _binaries(self) -> Binaries:
        return usable(self._site.account, self._system_dir, self._bin_dir)

    @property
    def bin_dir(self) -> Path:
        """The directory of psql, pg_basebackup and the other programs."""
        return self._binaries.bin_dir

    @property
    def pgdata(self) -> Path:
        """The cluster's directory."""
        return self._site.pgdata

    @property
    def wal_archive(self) -> Path:
        """A private directory the server may write to, for archived write-ahead log."""
        return self._site.wal_archive

    @property
    def data_dir(self) -> Path:
        """The directory MAGRAY was given, absolute."""
        return self._site.data_dir

    @property
    def home(self) -> Path:
        """The directory the cluster and its neighbours lie in."""
        return self._site.home

    @property
    def account(self) -> Account:
        """The operating system's user the server runs as."""
        return self._site.account

    @property
    def is_held_back(self) -> bool:
        """Whether this is a restored cluster that nobody has released yet."""
        return self._site.is_held_back

    def archive_with(self, command: str) -> None:
        """Archive WAL by this command from now on, also after the next starts."""
        (self._site.data_dir / "archive-command").write_text(command + "\n")
        self.configure()

    def configure(self) -> None:
        """Write magray.conf anew and have a running server read it."""
        configure(self._site, self._binaries, this_machine(self._memory), durable=self._durable)
        if living(self._site) is not None:
            self.run("pg_ctl", ["reload", "-D", str(self.pgdata)])

    @property
    def log_file(self) -> Path:
        """The file the server logs to now; before its first start the one of the start."""
        try:
            named = (self._site.pgdata / "current_logfiles").read_text().split(maxsplit=1)[1]
        except (FileNotFoundError, IndexError):
            return self._site.start_log
        return Path(named.strip())

    @property
    def os_user(self) -> str:
        """The name of the operating system's user the server runs as."""
        return self._site.account.name

    @property
    def is_running(self) -> bool:
        """Whether the server accepts connections, whoever started it."""
        found = living(self._site)
        return found is not None and found.status == "ready"

    @property
    def is_reachable(self) -> bool:
        """Whether it runs and its socket is there to be called."""
        found = living(self._site)
        if found is None or found.status != "ready":
            return False
        return (Path(found.socket_dir) / f".s.PGSQL.{found.port}").exists()

    @property
    def started_here(self) -> bool:
        """Whether this handle started the server that runs, rather than attached to it."""
        return self._child.is_running

    def url(self, user: str = SUPERUSER, dbname: str = DATABASE) -> str:
        """Return a libpq URL over the Unix socket."""
        host, port = self._address()
        return (
            f"postgresql://{quote(user)}@/{quote(dbname)}?host={quote(host, safe='')}&port={port}"
        )

    def start(self) -> None:
        """Start the server, or attach to the running one, and wait until it answers.

        The first start makes the cluster and the database ``magray``.

        Raises:
            PlatformError: it could not be started, with the lines of its log that tell why.
        """
        began = time.monotonic()
        with self._lock.held(), explained(self._site):
            attached = self._attach()
            if not attached:
                self._site.prepare()
                end_orphans(self._site)
                made = ensure_cluster(self._site, self._binaries, durable=self._durable)
                self.made = self.made or made
                with self._not_left_behind():
                    self._launch()
                    self._greet()
            self._users.enter()
            if not attached:
                _log.info("embedded_postgres_started", made=made, **self._where())
        seconds = round(time.monotonic() - began, 3)
        _log.info("embedded_postgres_ready", attached=attached, seconds=seconds)

    def revive(self) -> None:
        """Start, or attach to, a server that has ended or lost its socket; makes no new cluster.

        Raises:
            PlatformError: as `start`, and where the cluster itself is gone.
        """
        if not (self.pgdata / "PG_VERSION").exists():
            raise PlatformError(
                f"The database {self.pgdata} is gone.",
                detail="It was removed, or its disk is no longer mounted.",
                hint="mount its disk again, or magray restore",
            )
        with self._lock.held():
            if not self.is_reachable:
                end_unwanted(self._site)
        self.start()

    def cause_of_end(self) -> Cause:
        """Why the server this handle used is gone."""
        return cause_of_end(self._site, self._watch, self._child.poll())

    def cause_of_refusal(self, error: PlatformError) -> Cause:
        """Why `start` or `revive` failed."""
        return cause_of_refusal(self._site, error.detail or error.message, error.hint)

    def stop(self, mode: StopMode = "fast", *, force: bool = False, timeout: float = 120.0) -> None:
        """Stop using the server, and stop it if nobody else uses it; wait until it is gone.

        Args:
            mode: ``smart`` waits for clients, ``fast`` ends their transactions, ``immediate``
                skips the final checkpoint, so the next start recovers; it loses nothing.
            force: stop it whoever uses it.
            timeout: seconds to wait.

        Raises:
            PlatformError: it still runs after the timeout.
        """
        with self._lock.held():
            found = living(self._site)
            self._users.leave()
            if found is not None and self._users.others() and not force:
                self._child.poll()  # ours may have died, and this be its successor
                _log.info("embedded_postgres_left_running", pid=found.pid)
                return
            if found is not None:
                stop(self._site, found, mode, timeout)
            self._child.reap()
            self._site.tidy()

    def run(
        self,
        program: str,
        args: Sequence[str] = (),
        *,
        input: str | None = None,  # noqa: A002  the name subprocess gives it
        timeout: float | None = None,
        check: bool = True,
        capture: bool = True,
        as_caller: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's own programs, connected to this server by default.

        Args:
            program: its name, for example ``pg_basebackup``.
            args: its arguments.
            input: text for its standard input.
            timeout: seconds; None waits for ever.
            check: raise if it fails.
            capture: keep its output for the result; False passes it through (interactive psql).
            as_caller: run it as this process's user, who may read the caller's files; by default
                it runs as the server's user, who owns the cluster.

        Raises:
            PlatformError: there is no such program, or it failed and ``check`` is set.
        """
        host, port = self._address()
        address = {"PGHOST": host, "PGPORT": str(port), "PGUSER": SUPERUSER, "PGDATABASE": DATABASE}
        done = run_client(
            self.bin_dir / program,
            args,
            address,
            None if as_caller else self._site.account,
            input=input,
            timeout=timeout,
            capture_output=capture,
        )
        if check and done.returncode != 0:
            raise PlatformError(
                f"The program {program} failed with exit code {done.returncode}.",
                detail=(done.stderr or done.stdout or "").strip(),
                hint=f"less {self.log_file}",
            )
        return done

    @cached_property
    def _lock(self) -> StartLock:
        return StartLock(self._site.data_dir / "lock", self._patience.seconds)

    @cached_property
    def _users(self) -> Attendance:
        return Attendance(self._site.data_dir / "users")

    def _address(self) -> tuple[str, int]:
        found = living(self._site)
        if found is not None and found.socket_dir:
            return found.socket_dir, found.port
        return str(self._site.run_dir), PORT

    def _where(self) -> dict[str, str]:
        return {"pgdata": str(self.pgdata), "user": self.os_user, "log": str(self.log_file)}

    def _attach(self) -> bool:
        """Wait for a running server to be ready. False if there is none."""
        found = living(self._site)
        if found is None:
            return False
        watch = self._watch = LogWatch(self._site)
        if found.status == "stopping":
            self._patience.until(lambda: living(self._site) is None, watch, "to stop")
            return False
        if not self._await_ready(watch):
            return False  # it ended while it was starting; the next start says why
        return self._answers()

    def _greet(self) -> None:
        """Prove that the server answers, and that the database is there."""
        ensure_database(self.url(dbname="postgres"), DATABASE)

    def _answers(self) -> bool:
        """Wait until a running server lets us in. False if it ends instead.

        One that was just killed still looks ready for a moment, and so does one that recovers
        because a client's process was killed.
        """
        began = time.monotonic()
        while living(self._site) is not None:
            try:
                self._greet()
            except PlatformError as refused:
                passing = _PASSING.search(refused.detail)
                patience = self._patience.seconds if passing else _DYING_PATIENCE
                if time.monotonic() - began > patience:
                    raise
                time.sleep(POLL)
            else:
                return True
        return False

    def _launch(self) -> None:
        site = self._site
        machine = this_machine(self._memory)
        configure(site, self._binaries, machine, durable=self._durable)
        if disarm_stale_locks(site):
            _log.warning("embedded_postgres_stale_locks", pgdata=str(site.pgdata))
        watch = self._watch = LogWatch(site)
        self._users.make()
        self._child.launch(
            site,
            self.bin_dir,
            self._lock.path,
            self._users.path,
            durable=self._durable,
            options=self._options,
        )
        if not self._await_ready(watch):
            raise watch.failure("PostgreSQL could not be started.")

    @contextmanager
    def _not_left_behind(self) -> Iterator[None]:
        """End a server that was started for nothing; one that still starts is left to its guard."""
        try:
            yield
        except BaseException as error:
            end_unwanted(self._site, error)
            raise

    def _await_ready(self, watch: LogWatch) -> bool:
        """Wait for the status ``ready``. False if the server ended instead."""

        def settled() -> bool:
            return self.is_running or self._ended()

        self._patience.until(settled, watch, "to accept connections")
        return self.is_running

    def _ended(self) -> bool:
        return not self._child.is_running and living(self._site) is None
