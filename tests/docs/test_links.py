"""What pages point to exists: files, headings, commands with their options, functions."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

import pytest
import rich_click as click

from service.cli.main import magray
from tests.docs.pages import PAGES, ROOT, anchors, blocks, commands, links, spans, text

if TYPE_CHECKING:
    from collections.abc import Iterator

# pytest's option, in contributing.md.
OTHER_OPTIONS = {"--now"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        place = posixpath.join(posixpath.dirname(page), target)
        found = posixpath.normpath(place) if target else page
        assert (ROOT / found).exists(), link
        assert not anchor or anchor in anchors(found), link


def test_every_guide_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in links("README.md")}
    assert {page for page in PAGES if page.startswith("docs/")} <= linked


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words after `magray` name, and what is left of them."""
    command: click.Command = magray
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        assert inner is not None, f"no command {words[0]}"
        command, words = inner, words[1:]
    return command, words


def options(command: click.Command) -> set[str]:
    """What it understands, and what everything does."""
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return known | {"--help", "-h"}


def every_command(command: click.Command = magray) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_command(inner)


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist_with_their_options(page: str) -> None:
    for line in commands(page):
        # what is quoted is a value, and may go on in the next line
        words = re.sub(r"([\"']).*?(\1|$)", "VALUE", line[line.index("magray ") :]).split()
        command, rest = resolved(words[1:])
        if command.context_settings.get("ignore_unknown_options"):  # psql's own
            continue
        for word in rest:
            if word.startswith("-") and len(word) > 1:
                assert word.partition("=")[0] in options(command), line


def test_options_named_alone_belong_to_some_command() -> None:
    known = set.union(*(options(command) for command in every_command()), OTHER_OPTIONS)
    for page in PAGES:
        for span in spans(page):
            for option in re.findall(r"^--[\w-]+", span):
                assert option in known, (page, span)


@pytest.mark.parametrize("page", PAGES)
def test_functions_and_views_exist(page: str) -> None:
    there = {path.stem for path in (ROOT / "sql").rglob("*.sql")}
    said = [*spans(page), *blocks(page, "sql"), *blocks(page, "sh")]
    for one in said:
        for name in re.findall(r"(?<![\w\[.])memory\.(\w+)", one):
            assert name in there, (page, name)


def test_figures_stand_under_the_command_that_prints_them() -> None:
    _, *sections = re.split(r"^## ", text("docs/benchmarks.md"), flags=re.MULTILINE)
    assert len(sections) == len({section.partition("\n")[0] for section in sections})
    for section in sections:
        assert re.search(r"^`magray bench \w+", section, re.MULTILINE), section
    measured = commands("docs/benchmarks.md")
    bench = magray.get_command(click.Context(magray), "bench")
    assert isinstance(bench, click.Group)
    assert {line.split()[2] for line in measured} == set(bench.list_commands(click.Context(bench)))
