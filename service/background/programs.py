"""Runs a job of kind program: `magray …` in a process of its own, and what it had to say."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from typing import NamedTuple

_PATIENCE = 20.0  # seconds a program may take to end when the service stops
_KEPT = 16_384  # last bytes of what it prints, however long it runs
_SHOWN = 900  # characters of an error; memory.finish_job keeps 1,000
_FRAME = " \t─│╭╮╰╯"  # around what the command line says of a wrong option
_SPEAKER = "magray:"  # how an error of ours begins


class Ended(NamedTuple):
    """How a program ended: `error` None when it went well, `said` the last line it printed."""

    error: str | None
    said: str


async def execute(command: str, url: str) -> Ended:
    """Run `magray …` on the database at `url`; cancelled, the program is told to stop first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.cli.main", *shlex.split(command)[1:],
        env={**os.environ, "MAGRAY_DATABASE_URL": url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err, code = await asyncio.gather(
            _tail(process.stdout), _tail(process.stderr), process.wait()
        )
    except asyncio.CancelledError:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
        raise
    if code == 0:
        return Ended(None, " ".join(_lines(out)[-1:])[:_SHOWN])
    return Ended(f"exit code {code}: {message(out, err)}", "")


def message(out: str, err: str) -> str:
    """What a program that failed says is wrong, in a line.

    Its own sentence with detail and hint, which begins with `magray:`; of anything else the end,
    and of standard output only when standard error is empty.
    """
    lines = _lines(err) or _lines(out)
    ours = [place for place, line in enumerate(lines) if line.startswith(_SPEAKER)]
    if ours:
        return "; ".join(lines[ours[-1] :])[:_SHOWN]
    return "; ".join(lines)[-_SHOWN:] or "no message"


def _lines(text: str) -> list[str]:
    lines = (" ".join(line.strip(_FRAME).split()) for line in text.splitlines())
    return [line for line in lines if line]


async def _tail(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (more := await stream.read(_KEPT)):
        kept = (kept + more)[-_KEPT:]
    return kept.decode(errors="replace")
