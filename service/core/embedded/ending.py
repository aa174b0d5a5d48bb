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

from service.core.embedded.patience import POLL
from service.core.embedded.postmaster import LogWatch, hint_for, living
from service.core.errors import PlatformError

if TYPE_CHECKING:
    from service.core.embedded.postmaster import PidFile
    from service.core.embedded.site import Site

_log = structlog.get_logger("magray.embedded")

StopMode = Literal["smart", "fast", "immediate"]
_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
_PATIENCE = 20.0  # seconds a server nobody wants gets to end in order
_LOOK = 0.5  # seconds between two looks at its log meanwhile
_LAST_LINES = 40  # of a log that are about how it ended
_SEGMENT = 16 << 20  # bytes of a WAL file: with less than that free nothing can be written
_NO_SPACE = "no space left on device"
_FULL = re.compile("No space left on device|[Qq]uota exceeded")
_NO_MEMORY = re.compile("Cannot allocate memory|could not map anonymous|out of memory")
# A server that recovers from a crash of its own and is told to end in order waits for ever.
_RECOVERS = re.compile(
    "reinitializing|system was interrupted|not properly shut down|recovery in progress"
)
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

    In order only while that gets on: one that recovers, or is not gone in 20 s, is ended without
    its last checkpoint. Its WAL holds everything, and the next start recovers.

    Raises:
        PlatformError: it still runs after these seconds.
    """
    began = time.monotonic()
    watch = LogWatch(site)
    if not _end_surely(site, found, mode, seconds, watch):
        error = watch.failure(f"PostgreSQL (pid {found.pid}) did not stop in {seconds:.0f} s.")
        error.hint = "end its clients and stop again, or use the mode immediate"
        raise error
    took = round(time.monotonic() - began, 3)
    _log.info("embedded_postgres_stopped", mode=mode, seconds=took)


def end_unwanted(site: Site, error: BaseException | None = None) -> None:
    """End a server that is up and that nobody can use; one that still starts is left alone.

    Raises:
        PlatformError: its start failed with this error because there is no space.
    """
    full = None
    if isinstance(error, PlatformError):
        full = no_space(cause_of_refusal(site, error.detail or error.message, error.hint))
    found = living(site)
    if found is not None and found.status == "ready":
        _end_surely(site, found, "fast", _PATIENCE, LogWatch(site))
    if full is not None:
        raise full from error


def _end_surely(
    site: Site, found: PidFile, mode: StopMode, seconds: float, watch: LogWatch
) -> bool:
    """End it as asked, and a fast stop that does not get on at once; False: it still runs."""
    if mode == "fast":
        if _end(site, found, mode, min(seconds, _PATIENCE), watch):
            return True
        _log.warning("embedded_postgres_stopped_without_checkpoint", pid=found.pid)
        mode = "immediate"
    return _end(site, found, mode, seconds)


def _end(
    site: Site, found: PidFile, mode: StopMode, seconds: float, watch: LogWatch | None = None
) -> bool:
    """Tell a postmaster to end, and wait until it is gone.

    Returns:
        False when it is not within the time, or by its log (`watch`) never will be.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(found.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, _SIGNALS[mode])
        deadline = time.monotonic() + seconds
        look_at = time.monotonic() + _LOOK
        while living(site) is not None or _is_there(process):
            now = time.monotonic()
            if now > deadline:
                return False
            if watch is not None and now > look_at:
                if _RECOVERS.search("\n".join(watch.lines())):
                    return False
                look_at = now + _LOOK
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


def out_of_space(text: str) -> Cause:
    """The cause where the disk is full, with what was said of it."""
    return Cause(_NO_SPACE, text, "df -h; free some space, nothing else is to be done")


def no_space(cause: Cause) -> PlatformError | None:
    """What to say at a start where the cause is a disk that is full."""
    if cause.what != _NO_SPACE:
        return None
    return PlatformError(
        "There is no space for the database.",
        detail=cause.detail,
        hint="df -h; a new database takes about 100 MB",
    )


def _known(site: Site, text: str) -> Cause | None:
    if _FULL.search(text) or _free(site) < _SEGMENT:
        return out_of_space(text)
    if _NO_MEMORY.search(text):
        hint = "free -m; lower shared_buffers in user.conf of the cluster"
        return Cause("the machine has no memory left", text, hint)
    return None


def _free(site: Site) -> int:
    """Bytes free where the cluster and its WAL lie: the lesser of the two."""
    places = (site.pgdata, site.pgdata / "pg_wal")
    found = [shutil.disk_usage(place).free for place in places if place.exists()]
    return min(found, default=_SEGMENT)
