"""The README is short, and run: its curl lines and SQL against a service started as it says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.docs.pages import README, ROOT, blocks, text

if TYPE_CHECKING:
    from tests.serving import Running

MOST_LINES = 200


def test_it_is_short() -> None:
    assert len(text(README).splitlines()) <= MOST_LINES


def test_the_first_screen_names_the_two_commands() -> None:
    first = blocks(README, "sh")[0]
    assert first.startswith("make serve ")
    assert "\nmake test " in first
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"serve", "test"} <= set(targets)


def test_the_curl_lines_store_and_find(running: Running) -> None:
    stored, found = running.shell(blocks(README, "sh")[1]).replace("}{", "}\n{").splitlines()
    assert [row["created"] for row in json.loads(stored)["memories"]] == [True, True]
    best = json.loads(found)["results"][0]
    assert best["content"] == "I moved to Lisbon in May."
    assert best["explain"]
    for left_out in ("id", "created_at", "expires_at"):
        del best[left_out]
    assert json.loads(blocks(README, "json")[0]) == best


def test_the_psql_lines_answer(running: Running) -> None:
    printed = running.shell(blocks(README, "sh")[2])
    assert "learned_context" in printed
    assert "Вчера мы ходили в горы." in printed
