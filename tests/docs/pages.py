"""The pages people read, and what is in them: examples, links, commands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = "README.md"
# The folders' own READMEs have no examples, but links like every page.
FOLDERS = ("service", "jobs", "sql", "tests")
GUIDES = (README, *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))
PAGES = (*GUIDES, *(f"{folder}/README.md" for folder in FOLDERS))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")


def text(page: str) -> str:
    """A page, by its path from the top."""
    return (ROOT / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [body for fence, body in _FENCE.findall(text(page)) if fence == language]


def languages(page: str) -> set[str]:
    """What the fenced blocks of a page are written in."""
    return {fence for fence, _ in _FENCE.findall(text(page))}


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text(page))


def spans(page: str) -> list[str]:
    """The code within the sentences of a page, each on one line."""
    return [" ".join(span.split()) for span in _SPAN.findall(prose(page))]


def anchors(page: str) -> set[str]:
    """What links to the headings of a page end with."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> list[str]:
    """Where the links of a page lead, as written."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def commands(page: str) -> list[str]:
    """Every `magray …` of a page, in blocks and in sentences, with its arguments."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    found = [
        re.split(r" # | <<|  +#", line[line.index("magray ") :])[0].strip()
        for line in lines
        if re.search(r"(^|\s)magray \w", line)
    ]
    return [*found, *(span for span in spans(page) if re.search(r"(^|=\S* )magray [a-z]", span))]
