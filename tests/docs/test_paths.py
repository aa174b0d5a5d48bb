"""Every path that pages name exists, so that a question is answered by opening it."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import FOLDERS, PAGES, ROOT, prose, spans

TOPS = (*FOLDERS, "alembic", "deploy", "docs", "tools")


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    for span in spans(page):
        if re.fullmatch(rf"({'|'.join(TOPS)})/[\w./-]*", span):
            assert (ROOT / span).exists(), span


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("Where is a memory ranked?", "sql/functions/search/_rank.sql"),
        ("Where is the rule that promotes it?", "sql/functions/promote/"),
        ("Who may call `evict`?", "sql/functions/evict/grants.sql"),
        ("Where does a backup start?", "jobs/backup/take.py"),
        ("What runs every minute?", "sql/schedule.sql"),
    ],
)
def test_the_page_answers_by_path(question: str, path: str) -> None:
    (row,) = [
        line
        for line in prose("docs/architecture.md").splitlines()
        if line.startswith(f"| {question} |")
    ]
    assert path in row


def test_the_paths_answer() -> None:
    def has(path: str, words: str) -> bool:
        return words in (ROOT / path).read_text()

    assert has("sql/functions/search/_rank.sql", "function memory._rank(")
    assert has("sql/functions/promote/_promotion_rules.sql", "memory_data.promotion_rule")
    assert has("sql/functions/evict/grants.sql", "memory.evict")
    assert has("sql/schedule.sql", "'* * * * *'")
