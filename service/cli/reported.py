"""A command that reports: its end as one line of JSON, `service/core/report.py` says which."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click
import psycopg

from service.core.errors import DatabaseError, MagrayError, of_sqlstate
from service.core.report import Report, encode

if TYPE_CHECKING:
    from click import Command

_KEPT = 4096  # characters of what was printed last
_LONGEST = 2000  # characters of each field: who started it keeps the last 64 kB


class ToldExit(SystemExit):
    """The end of a command that has said on standard error what is wrong.

    Args:
        code: what it ends with.
        message: the same once more, for a report.
        detail: as a report has it.
        hint: as a report has it.
    """

    def __init__(self, code: int, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(code)
        self.report = Report(ok=False, message=message, detail=detail, hint=hint)


def fault(error: MagrayError | psycopg.Error) -> tuple[int, Report]:
    """What an error means to who typed the command: exit code, sentence, detail, hint."""
    if isinstance(error, MagrayError):
        return error.exit_code, Report(
            ok=False, code=error.code, message=error.message, detail=error.detail, hint=error.hint
        )
    from service.core.database import is_unprepared  # half a second that no help page has to wait

    diag = error.diag
    return of_sqlstate(error.sqlstate or "").exit_code, Report(
        ok=False,
        code=error.sqlstate or "",
        message=diag.message_primary or str(error).strip() or DatabaseError.sentence,
        detail=diag.message_detail or "",
        hint=diag.message_hint or ("magray migrate" if is_unprepared(error) else "magray check"),
    )


def run_reported(command: Command) -> NoReturn:
    """Run the command line, and end with its report on standard error."""
    heard = _Heard(sys.stdout)
    sys.stdout = heard
    code, report = _run(command)
    sys.stdout.flush()
    lines = [" ".join(line.split()) for line in heard.tail.splitlines() if line.strip()]
    told = Report(
        ok=code == 0,
        code=report.code,
        message=report.message[:_LONGEST],
        detail=report.detail[:_LONGEST],
        hint=report.hint[:_LONGEST],
        summary=lines[-1][:_LONGEST] if lines else "",
    )
    sys.stderr.write(encode(told) + "\n")
    sys.exit(code)


def _run(command: Command) -> tuple[int, Report]:
    well = Report(ok=True)
    try:
        ended = command(standalone_mode=False)
    except (MagrayError, psycopg.Error) as error:
        return fault(error)
    except click.ClickException as error:
        return error.exit_code, Report(ok=False, message=error.format_message())
    except click.Abort:
        return 1, Report(ok=False, message="it was told to stop")
    except ToldExit as end:
        return int(str(end.code)), end.report
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return code, well if code == 0 else Report(ok=False, message=f"it ended with {end.code}")
    except Exception as error:
        traceback.print_exc()
        return 1, Report(
            ok=False, code=MagrayError.code, message=f"{type(error).__name__}: {error}"
        )
    # what click itself ends with, --version say
    return (ended, well) if isinstance(ended, int) else (0, well)


class _Heard:
    """Standard output, and the end of what went there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.tail = ""

    def write(self, text: str) -> int:
        self.tail = (self.tail + text)[-_KEPT:]
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
