"""Runs a job of kind program: `magray …` in a process of its own, and what it had to say."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from typing import NamedTuple

from service.core.report import OPTION, decode

_PATIENCE = 20.0  # seconds a program may take to end when the service stops
_KEPT = 65_536  # last bytes of what it prints, however long it runs
_SHOWN = 900  # characters of an error; memory.finish_job keeps 1,000


class Ended(NamedTuple):
    """How a program ended: `error` None when it went well, `said` the last line it printed."""

    error: str | None
    said: str


async def execute(command: str, url: str) -> Ended:
    """Run `magray …` on the database at `url`; cancelled, the program is told to stop first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service.cli.main",
        OPTION,
        *shlex.split(command)[1:],
        env={**os.environ, "MAGRAY_DATABASE_URL": url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, code = await asyncio.gather(_tail(process.stderr), process.wait())
    except asyncio.CancelledError:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
        raise
    return ended(code, told)


def ended(code: int, told: str) -> Ended:
    """What a program's exit code and its report mean.

    One that was killed, or came to its end before it could report (an import that fails), has left
    no report: then the end of what it wrote to standard error is kept.
    """
    lines = [line for line in told.splitlines() if line.strip()]
    # a library may say something at the interpreter's exit, after the report
    report = next(filter(None, map(decode, reversed(lines))), None)
    if report is not None and report.ok and code == 0:
        return Ended(None, report.summary[:_SHOWN])
    how = f"killed by {_signal(-code)}" if code < 0 else f"exit code {code}"
    if report is not None:
        return Ended(f"{how}: {report.in_a_line}"[:_SHOWN], "")
    last = "; ".join(" ".join(line.split()) for line in lines)[-_SHOWN:]
    return Ended(f"{how} without a report: {last or 'it said nothing'}", "")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _tail(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (more := await stream.read(_KEPT)):
        kept = (kept + more)[-_KEPT:]
    return kept.decode(errors="replace")
