"""service.background.programs: what is kept of a program that failed."""

from __future__ import annotations

import pytest

from service.background.programs import execute, message

BOX = """\
 Usage: magray [OPTIONS] COMMAND [ARGS]...

╭─ Error ──────────────────────────────────────╮
│ No such command 'nonsense'.                  │
╰──────────────────────────────────────────────╯
"""


@pytest.mark.parametrize(
    ("out", "err", "expected"),
    [
        ("", "", "no message"),
        ("3 rows\n", "magray: it is broken\ntry: magray check\n",
         "magray: it is broken; try: magray check"),
        ("", '{"level": "warning"}\nmagray: it is broken\nBy  two.\n',
         "magray: it is broken; By two."),
        ("3 rows\n", "Traceback\n  File x\nValueError: y\n",
         "Traceback; File x; ValueError: y"),
        ("written  problems\n1        ['away']\n", " \n", "written problems; 1 ['away']"),
        ("", BOX,
         "Usage: magray [OPTIONS] COMMAND [ARGS]...; Error; No such command 'nonsense'."),
    ],
)  # fmt: skip
def test_what_a_program_says_is_wrong(out: str, err: str, expected: str) -> None:
    assert message(out, err) == expected


def test_a_long_message_is_cut_where_it_says_least() -> None:
    assert message("", "magray: first" + "x" * 5000).startswith("magray: first")
    assert message("", "x" * 5000 + "ValueError: last").endswith("ValueError: last")
    assert {len(message("", start + "x" * 5000)) for start in ("magray: ", "")} == {900}


@pytest.mark.anyio
async def test_a_program_that_went_well_says_its_last_line() -> None:
    ended = await execute("magray --version", "postgresql://nowhere/")
    assert ended.error is None
    assert ended.said.startswith("magray, version")


@pytest.mark.anyio
async def test_a_database_that_is_away_is_named() -> None:
    ended = await execute("magray archive list", "postgresql://nobody@127.0.0.1:1/none")
    assert ended.error is not None
    assert ended.error.startswith("exit code 69: magray: ")
    assert "127.0.0.1" in ended.error
