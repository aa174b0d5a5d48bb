"""The tree of errors is as it is drawn, and knows everything that SQL raises."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.core import errors
from service.core.errors import DatabaseError, MagrayError, of_sqlstate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"    ([ │├└─]*)(\w+) +(ML\w+) +(\d{3}) +(\d+) *(.*)")
_CODE = re.compile(r"\bML(?:\d{3}|[A-Z]\d{2})\b")
_ERRCODE = re.compile(r"errcode\s*(?:=|:=|=>)\s*'?(\w+)'?", re.IGNORECASE)


def tree(kind: type[MagrayError], depth: int = 0) -> Iterator[tuple[int, type[MagrayError]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__.startswith(("service.", "jobs.")):
            yield from tree(child, depth + 1)


def sql_files() -> list[Path]:
    return [*(ROOT / "sql").rglob("*.sql"), *(ROOT / "alembic" / "versions").glob("*.py")]


def test_the_drawing_is_the_tree() -> None:
    drawn = []
    for line in (errors.__doc__ or "").splitlines():
        if found := _ROW.fullmatch(line):
            indent, name, code, status, exit_code, states = found.groups()
            depth = len(indent) // 4
            drawn.append((depth, name, code, int(status), int(exit_code), tuple(states.split())))
    there = [
        (depth, kind.__name__, kind.code, kind.status, kind.exit_code, kind.sqlstates)
        for depth, kind in tree(MagrayError)
    ]
    assert drawn == there
    assert len(there) > 30


def test_no_error_stands_elsewhere() -> None:
    """Beside what never leaves its module, and the program PostgreSQL runs without our packages."""
    elsewhere = {
        node.name
        for room in ("service", "jobs")
        for path in (ROOT / room).rglob("*.py")
        if path != ROOT / "service" / "core" / "errors.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(re.search(r"(Error|Exception|Unavailable)$", ast.unparse(b)) for b in node.bases)
    }
    assert {name for name in elsewhere if not name.startswith("_")} == {"Refused"}


def test_every_sqlstate_raised_in_sql_has_a_class() -> None:
    raised = {state for path in sql_files() for state in _ERRCODE.findall(path.read_text())}
    assert {state for state in raised if of_sqlstate(state) is DatabaseError} == set()
    ours = {state for _, kind in tree(DatabaseError) for state in kind.sqlstates if state[0] == "M"}
    assert {state for state in raised if state.startswith("ML")} == ours


def test_every_code_named_in_sql_is_a_class_code() -> None:
    named = {code for path in sql_files() for code in _CODE.findall(path.read_text())}
    assert named - {kind.code for _, kind in tree(MagrayError)} == set()
    assert {"ML404", "MLB50"} <= named


def test_sql_readme_tells_the_same_statuses() -> None:
    rows = re.findall(
        r"^\| `(ML\d+)` \|.*\| (\d+) \|$", (ROOT / "sql/README.md").read_text(), re.MULTILINE
    )
    told = {state: int(status) for state, status in rows}
    assert told == {state: of_sqlstate(state).status for state in told}
    assert set(told) == {
        state for _, kind in tree(DatabaseError) for state in kind.sqlstates if state[0] == "M"
    }


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("ML409", "ConflictError"),
        ("23505", "ConflictError"),
        ("23514", "DatabaseError"),  # a check of ours that nothing foresaw: a fault of ours
        ("57014", "TooSlowError"),  # not as the rest of class 57
        ("57P03", "UnavailableError"),
        ("53100", "UnavailableError"),
        ("22P02", "UnusableError"),
        ("54001", "UnusableError"),
        ("ML999", "DatabaseError"),
        ("", "DatabaseError"),
    ],
)
def test_what_postgresql_raises(state: str, name: str) -> None:
    assert of_sqlstate(state).__name__ == name


def test_no_sqlstate_belongs_to_two_classes() -> None:
    states = [state for _, kind in tree(DatabaseError) for state in kind.sqlstates]
    assert len(states) == len(set(states))
