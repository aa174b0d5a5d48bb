"""Ending a server for sure, and saying why one ended or cannot start."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil
import structlog

from service.embedded.patience import POLL
from service.embedded.postmaster import LogWatch, hint_for, living

if TYPE_CHECKING:
    from service.embedded.postmaster import PidFile
    from service.embedded.site import Site

_log = structlog.get_logger("magray.embedded")

StopMode = Literal["smart", "fast", "immediate"]
_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT,
}  # fmt: skip
_PATIENCE = 20.0  # seconds a server nobody wants gets to end in order
_LAST_LINES = 40  # of a log that are about how it ended
_SEGMENT = 16 << 20  # bytes of a WAL file: with less than that free nothing can be written
_FULL = re.compile("No space left on device|[Qq]uota exceeded")
_NO_MEMORY = re.compile("Cannot allocate memory|could not map anonymous|out of memory")
_GRAVE = re.compile(r"\b(PANIC|FATAL): +(.*)")
# Of a client who was sent away, or of the end itself; not its reason.
_ASIDE = re.compile(
    "the database system is|terminating connection|connection to client|role .* does not exist"
)


@dataclass(frozen=True)
class Cause:
    """Why a database is away.

    Attributes:
        what: in a few words, for everybody: no path, no address.
        detail: what the server or the system said of it, for who runs it.
        hint: what to do.
    """

    what: str
    detail: str
    hint: str


def stop(site: Site, found: PidFile, mode: StopMode, seconds: float) -> None:
    """Stop a postmaster and wait until it is gone.

    Raises:
        PlatformError: it still runs after these seconds.
    """
    began = time.monotonic()
    watch = LogWatch(site)
    if not _end(site, found, mode, seconds):
        error = watch.failure(f"PostgreSQL (pid {found.pid}) did not stop in {seconds:.0f} s.")
        error.hint = "end its clients and stop again, or use the mode immediate"
        raise error
    took = round(time.monotonic() - began, 3)
    _log.info("embedded_postgres_stopped", mode=mode, seconds=took)


def end_unwanted(site: Site) -> None:
    """End a server that is up and that nobody can use; one that still starts is left alone."""
    found = living(site)
    if found is not None and found.status == "ready":
        _end(site, found, "fast", _PATIENCE) or _end(site, found, "immediate", _PATIENCE)


def _end(site: Site, found: PidFile, mode: StopMode, seconds: float) -> bool:
    """Tell a postmaster to end, and wait until it is gone; False when it is not within the time."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(found.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, _SIGNALS[mode])
        deadline = time.monotonic() + seconds
        while living(site) is not None or _is_there(process):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
    return True


def _is_there(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def cause_of_end(site: Site, watch: LogWatch | None, code: int | None) -> Cause:
    """Why a server is gone.

    Args:
        site: its places.
        watch: what it wrote since it was started or attached to.
        code: its exit code, negative for a signal; None when another process started it.
    """
    lines = watch.lines()[-_LAST_LINES:] if watch is not None else []
    grave = [line for line in lines if _GRAVE.search(line) and not _ASIDE.search(line)]
    known = _known(site, "\n".join(grave))
    if known is not None:
        return known
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return Cause(
            f"its process was killed ({name})",
            "\n".join(grave),
            "dmesg | grep -i 'out of memory' tells whether the kernel did it for want of memory",
        )
    said = _GRAVE.search(grave[-1]) if grave else None
    return Cause(
        "PostgreSQL has ended by itself" if said else "PostgreSQL was stopped or killed",
        "\n".join(grave) or "\n".join(lines[-3:]),
        hint_for("\n".join(grave), site),
    )


def cause_of_refusal(site: Site, detail: str, hint: str) -> Cause:
    """Why a server does not start, by what the start said."""
    return _known(site, detail) or Cause("PostgreSQL does not start", detail, hint)


def _known(site: Site, text: str) -> Cause | None:
    if _FULL.search(text) or _free(site) < _SEGMENT:
        hint = "df -h; free some space, nothing else is to be done"
        return Cause("no space left on device", text, hint)
    if _NO_MEMORY.search(text):
        hint = "free -m; lower shared_buffers in user.conf of the cluster"
        return Cause("the machine has no memory left", text, hint)
    return None


def _free(site: Site) -> int:
    """Bytes free where the cluster and its WAL lie: the lesser of the two."""
    places = (site.pgdata, site.pgdata / "pg_wal")
    found = [shutil.disk_usage(place).free for place in places if place.exists()]
    return min(found, default=_SEGMENT)
