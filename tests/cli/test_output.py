"""What commands print, where it goes into a pipe or a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from service.cli.output import print_facts, print_rows

if TYPE_CHECKING:
    import pytest

LONG = {"checks": "every table and b-tree is whole; " * 20, "chain": ["a" * 60, "b" * 60]}


def test_no_value_is_folded_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody searches in it: a word cut in two is not found."""
    for show in (lambda: print_facts(LONG, as_json=False),
                 lambda: print_rows([LONG], as_json=False, empty="")):  # fmt: skip
        show()
        printed = capsys.readouterr().out
        assert all(str(value) in printed for value in LONG.values())


def test_facts_stand_one_a_line_without_what_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_facts({"id": 1, "gone": None, "kind": "full"}, as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [["value"], ["id", "1"], ["kind", "full"]]


def test_facts_are_one_object_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts(LONG, as_json=True)
    assert json.loads(capsys.readouterr().out) == LONG
