"""A browser without a screen: who visits the dashboard, and what its pages say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import httpx2

from tests.api.running import BASE, transport_to

if TYPE_CHECKING:
    from tests.api.running import Running


def visiting(service: Running) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=transport_to(service.app), base_url=BASE, timeout=60)


class Balanced(HTMLParser):
    """Fails where an element is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def balanced(text: str) -> str:
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return text


def shown_kpis(page: str) -> dict[tuple[str, str], str]:
    """(kpi, scope) → the number behind what the table of KPIs says."""
    pattern = r'data-kpi="([^"]+)" data-scope="([^"]+)" data-value="([^"]*)"'
    return {(kpi, scope): number for kpi, scope, number in re.findall(pattern, balanced(page))}
