"""Launches a postmaster and its guard: its command line stands above every configuration file."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from service.core.embedded.cluster import clean_environment
from service.core.embedded.files import create_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.core.embedded.site import Site

# A restored cluster must not write into the archive it came from, nor delete or promote anything,
# whatever its configuration files say: they may come from anywhere.
HELD_BACK_OPTIONS = {"archive_mode": "off", "cron.launch_active_jobs": "off"}


class Child:
    """The server this process started last, and the guard beside it."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[str] | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is one, and it has not ended."""
        return self._server is not None and self.poll() is None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs, or when there is none."""
        code = None if self._server is None else self._server.poll()
        if code is not None and self._guard is not None:
            self._guard.wait()  # it sees the end as soon as we do
        return code

    def launch(
        self,
        site: Site,
        bin_dir: Path,
        lock: Path,
        users: Path,
        *,
        durable: bool,
        options: Mapping[str, str],
    ) -> None:
        """Start a postmaster, with its guard ahead: there is no moment in which it has none.

        Args:
            site: where the cluster lies.
            bin_dir: where the program lies.
            lock: file of the start lock.
            users: file of the attendance.
            durable: whether what it acknowledges has to be on the disk.
            options: settings for this start only.
        """
        self.reap()
        self._guard = guard = _spawn_guard(site, lock, users)
        self._server = _spawn(site, bin_dir, durable=durable, options=options)
        if guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError), guard.stdin as told:
                told.write(f"{self._server.pid}\n")

    def reap(self) -> None:
        """Collect what has ended: the postmaster, then its guard."""
        if self._server is not None:
            self._server.wait()
            self._server = None
        if self._guard is not None:
            self._guard.wait()
            self._guard = None


def _spawn(
    site: Site, bin_dir: Path, *, durable: bool, options: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a postmaster in a session of its own; it logs to the file of the start."""
    handle = create_file(site.start_log, site.account)
    command = [str(bin_dir / "postgres"), "-D", str(site.pgdata)]
    if durable:
        command += ["-c", "fsync=on", "-c", "full_page_writes=on"]
    held_back = HELD_BACK_OPTIONS if site.is_held_back else {}
    for name, value in {**options, **held_back}.items():
        command += ["-c", f"{name}={value}"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=clean_environment(),
            umask=0o077,
            start_new_session=True,  # Ctrl-C in a terminal is for the service alone
            **site.account.process_options,
        )
    finally:
        os.close(handle)


def _spawn_guard(site: Site, lock: Path, users: Path) -> subprocess.Popen[str]:
    """Start what ends the server when nobody uses it (`guard.py`); it waits to be told a pid."""
    program = Path(__file__).with_name("guard.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(program), str(site.home), str(lock), str(users)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        env=clean_environment(),
        start_new_session=True,
    )
