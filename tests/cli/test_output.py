"""What commands print: into a pipe or a file, and on a terminal of 80 columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.output import fold, print_facts, print_rows
from service.core.readable import after, counted, shown

CHECKS = "every table and b-tree is whole; " * 20
LONG = {"checks": CHECKS.strip(), "chain": ["a" * 60, "b" * 60]}


def printed(capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]]) -> list[str]:
    print_rows(rows, as_json=False, empty="nothing")
    return capsys.readouterr().out.splitlines()


def test_no_value_is_folded_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody searches in it: a word cut in two is not found."""
    monkeypatch.delenv("COLUMNS", raising=False)
    for show in (
        lambda: print_facts(LONG, as_json=False),
        lambda: print_rows([LONG], as_json=False, empty=""),
    ):
        show()
        told = capsys.readouterr().out
        assert LONG["checks"] in told
        assert f"{'a' * 60}, {'b' * 60}" in told


def test_facts_stand_one_a_line_without_what_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_facts({"id": 1, "gone": None, "kind": "full"}, as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["id", "1"], ["kind", "full"]]


def test_facts_are_one_object_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts(LONG, as_json=True)
    assert json.loads(capsys.readouterr().out) == LONG


def test_a_table_that_fits_stands_in_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [{"name": "ann", "uses": 2}, {"name": "bartholomew", "uses": None}]
    assert printed(capsys, rows) == ["name         uses", "ann          2", "bartholomew"]


def test_a_table_that_does_not_fit_is_a_block_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [{"id": 1, "why": "word " * 30, "fault": None}, {"id": 2, "why": "short", "fault": "x"}]
    lines = printed(capsys, rows)
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["id", "1"]
    assert lines[-4:] == ["", "id     2", "why    short", "fault  x"]
    assert sum(line.count("word") for line in lines) == 30


@given(st.text(alphabet=st.sampled_from("ab -/\n"), max_size=200), st.integers(1, 120))
def test_no_word_is_ever_cut(text: str, width: int) -> None:
    """What is long may be a path or a command somebody copies."""
    assert " ".join(fold(text, width)).split() == text.split()


def test_markup_and_emoji_codes_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, [{"said": "[red]x[/] :tada: 12"}])[1] == "[red]x[/] :tada: 12"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (7, "7"),
        (0.935064935064935, "0.935"),
        (2.0, "2"),
        (0.0, "0"),
        (-0.25, "-0.25"),
        (0.00001234, "1.2e-05"),
        (123456.789, "123457"),
        (float("nan"), "nan"),
        (Decimal("12.50"), "12.5"),
        ([], ""),
        (["ann"], "ann"),
        (("a", 0.5), "a, 0.5"),
        ({"local": "/x", "days": 1.0}, "local: /x, days: 1"),
        (datetime(2026, 11, 30, 2, 10, 9, 339954, UTC), "2026-11-30T02:10:09Z"),
        (datetime(2026, 11, 30, 2, 0, tzinfo=timezone(timedelta(hours=3))), "2026-11-29T23:00:00Z"),
        (timedelta(seconds=0.4), "0.4 s"),
        (timedelta(minutes=5), "00:05:00"),
        (timedelta(days=1, hours=2), "1 day 02:00:00"),
        (timedelta(days=-2), "-2 days 00:00:00"),
    ],
)
def test_values_read_as_people_write_them(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_window_shown_to_the_second_lies_inside_itself() -> None:
    """`magray restore --to` is called with what was printed."""
    since = datetime(2026, 11, 30, 2, 10, 9, 1, UTC)
    assert datetime.fromisoformat(shown(after(since))) >= since
    whole = datetime(2026, 11, 30, 2, 10, 9, tzinfo=UTC)
    assert after(whole) == whole


def test_one_is_not_many() -> None:
    assert counted(1, "namespace") == "1 namespace"
    assert counted(2000, "memory", "memories") == "2,000 memories"
    assert counted(0, "memory", "memories") == "0 memories"
