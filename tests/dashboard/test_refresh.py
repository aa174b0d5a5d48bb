"""The page that is left open: what its refreshes do to who reads it, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.dashboard.test_browser import CHROMIUM, LOOKS, PATIENCE
from tests.serving import Running, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with serving() as running:
        yield running


@pytest.fixture
def page(service: Running) -> Iterator[Page]:
    """A telephone's page, logged in, every part there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(**LOOKS["phone"]).new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(service.base)
        page.get_by_label("API key").fill(service.key)
        page.get_by_role("button", name="Log in").click()
        page.locator("#part-kpis table").wait_for()
        yield page
        browser.close()


def test_a_service_that_is_away_is_told_once_and_until_it_is_back(page: Page) -> None:
    health, stale = page.locator("#part-health .state"), page.locator("#stale")
    expect(health).to_be_visible()
    expect(stale).to_be_hidden()
    page.evaluate(
        "() => { window.said = 0; new MutationObserver(() => { window.said += 1; })"
        ".observe(document.getElementById('stale'), {childList: true}); }"
    )
    page.context.set_offline(True)
    expect(stale).to_contain_text("No fresh answer since", timeout=15_000)
    expect(health).to_be_hidden()
    page.wait_for_timeout(11_000)
    assert page.evaluate("window.said") == 1
    page.context.set_offline(False)
    expect(stale).to_be_hidden(timeout=15_000)
    expect(health).to_be_visible()


def test_a_refresh_leaves_focus_scrolling_and_what_did_not_change_alone(page: Page) -> None:
    table = page.locator("#table-kpis")
    table.focus()
    table.evaluate("one => { one.scrollLeft = 60; one.dataset.old = 'yes'; }")
    page.locator("#part-health .state").evaluate("one => { one.dataset.old = 'yes'; }")
    # its values changed, or it is made to look so
    page.evaluate("document.querySelector('#part-kpis input[name=shown]').value = 'other'")
    page.evaluate("htmx.trigger('#part-kpis', 'again'); htmx.trigger('#part-health', 'again')")
    expect(page.locator("#table-kpis[data-old]")).to_have_count(0)
    page.wait_for_timeout(500)
    assert page.evaluate("document.activeElement.id") == "table-kpis"
    assert table.evaluate("one => one.scrollLeft") == 60
    expect(page.locator("#part-health .state[data-old]")).to_have_count(1)


def test_a_long_word_does_not_widen_the_page(service: Running, page: Page) -> None:
    word = "w" * 300
    with httpx2.Client(base_url=service.base, timeout=60) as client:
        stored = client.post(
            "/v1/memories",
            headers={"Authorization": f"Bearer {service.key}"},
            json={"memories": [{"namespace": "phone", "content": f"fox {word}"}]},
        )
        assert stored.is_success
    page.get_by_label("Namespace").fill("phone")
    page.get_by_label("Question").fill("fox")
    page.keyboard.press("Enter")
    expect(page.locator("#found li").first).to_contain_text(word)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


@pytest.mark.parametrize("part", ["kpis", "jobs"])
def test_a_telephone_shows_rows_of_a_few_lines(page: Page, part: str) -> None:
    rows = page.locator(f"#table-{part} tbody tr")
    assert rows.count() > 10
    heights = rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert max(heights) < 100  # four lines


def test_a_telephone_shows_the_value_beside_its_kpi(page: Page) -> None:
    longest = ["0.01341 per second", "100.0 % (context relevance)", "2026-11-26 20:27"]
    page.locator("#table-kpis tr[data-kpi] td.number").evaluate_all(
        "(cells, longest) => longest.forEach((text, i) => { cells[i].textContent = text; })",
        longest,
    )
    rights = page.locator("#table-kpis tr[data-kpi] td.number").evaluate_all(
        "cells => cells.map(cell => cell.getBoundingClientRect().right)"
    )
    frame = page.locator("#table-kpis").bounding_box()
    assert frame is not None
    assert max(rights) <= frame["x"] + frame["width"]
