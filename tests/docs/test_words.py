"""The words the glossary leaves out stand nowhere else."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, ROOT, text

GLOSSARY = "docs/glossary.md"
SOURCES = [
    str(path.relative_to(ROOT))
    for top in ("service", "jobs", "sql", "deploy")
    for path in sorted((ROOT / top).rglob("*"))
    if path.suffix in {".py", ".sql", ".html", ".yml", ".json"}
]
LEFT_OUT = re.findall(
    r"^\| ([\w ]+) \|", text(GLOSSARY).partition("## Words we leave out")[2], re.MULTILINE
)[1:5]


def test_the_glossary_names_them() -> None:
    assert LEFT_OUT == ["the house", "in a ring", "foretell", "for good"]
    assert len(SOURCES) > 100


@pytest.mark.parametrize("word", LEFT_OUT)
def test_nobody_writes_them(word: str) -> None:
    pattern = re.compile(rf"\b{word}", re.IGNORECASE)
    pages = [page for page in PAGES if page != GLOSSARY]
    assert [page for page in (*pages, *SOURCES) if pattern.search(text(page))] == []
