"""service.background.programs: what is kept of a program, from the report it ends with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from service.background.programs import ended, execute
from service.core.report import Report, encode

FAILED = encode(Report(ok=False, code="MLX01", message="it is broken", hint="magray check"))
WELL = encode(Report(ok=True, summary="3 rows"))


@pytest.mark.parametrize(
    ("code", "told", "error", "said"),
    [
        (0, WELL, None, "3 rows"),
        (0, f"a warning\n{WELL}\n\n", None, "3 rows"),
        (7, f"a warning\n{FAILED}\n", "exit code 7: it is broken; try: magray check", ""),
        (
            7,
            encode(Report(ok=False, message="broken", detail="By\n  two.")),
            "exit code 7: broken; By two.",
            "",
        ),
        (
            1,
            "Traceback\n  File x\nValueError: y\n",
            "exit code 1 without a report: Traceback; File x; ValueError: y",
            "",
        ),
        (-9, "", "killed by SIGKILL without a report: it said nothing", ""),
        (-9, WELL, "killed by SIGKILL: ", ""),
        # what is said at the interpreter's exit comes after the report
        (0, encode(Report(ok=True, summary="done")) + "\nUserWarning: left\n", None, "done"),
        (0, "", "exit code 0 without a report: it said nothing", ""),
        (1, '{"level": "warning"}\n', 'exit code 1 without a report: {"level": "warning"}', ""),
    ],
)
def test_how_a_program_ended(code: int, told: str, error: str | None, said: str) -> None:
    assert ended(code, told) == (error, said)


def test_a_long_message_is_cut_where_it_says_least() -> None:
    long = encode(Report(ok=False, message="first" + "x" * 5000))
    error, _ = ended(1, long)
    assert error is not None
    assert error.startswith("exit code 1: first")
    assert len(error) == 900
    error, _ = ended(1, "x" * 5000 + "ValueError: last")
    assert error is not None
    assert error.endswith("ValueError: last")
    assert len(error) < 1000


def reported(*arguments: str) -> tuple[int, str, dict[str, object]]:
    """Exit code, standard output and report of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli.main", "--json-report", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, object] = json.loads(done.stderr.splitlines()[-1])
    return done.returncode, done.stdout, report


def test_a_command_reports_its_end_in_a_line_of_json() -> None:
    code, out, report = reported("--version")
    assert (code, report["ok"], report["message"]) == (0, True, "")
    assert report["summary"] == out.strip()
    code, _, report = reported("archive", "run", "--nonsense")
    assert (code, report["ok"]) == (2, False)
    assert "--nonsense" in str(report["message"])
    code, _, report = reported("backup", "keep", "no-such-backup")
    assert (code, report["code"]) == (55, "MLB55")
    assert report["hint"]


@pytest.mark.anyio
async def test_a_program_that_went_well_says_its_last_line() -> None:
    done = await execute("magray --version", "postgresql://nowhere/")
    assert done.error is None
    assert done.said.startswith("magray, version")


@pytest.mark.anyio
async def test_a_database_that_is_away_is_named() -> None:
    done = await execute("magray archive list", "postgresql://nobody@127.0.0.1:1/none")
    assert done.error is not None
    assert done.error.startswith("exit code 69: ")
    assert "127.0.0.1" in done.error
