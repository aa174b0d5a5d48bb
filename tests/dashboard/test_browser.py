"""A real browser walks the dashboard of a real service with real conversations.

Needs Debian's chromium, and says so where it is missing. Screenshots go to `MAGRAY_SCREENSHOTS`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests.serving import BIN, Running, serving
from tests.sql.calls import session
from tests.sql.filling import overfill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.full, pytest.mark.data]

CHROMIUM = shutil.which("chromium")
PATIENCE = 60_000  # ms
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.fixture(scope="module")
def service(shared_data: Path) -> Iterator[Running]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with serving() as running:
        subprocess.run(
            [
                BIN / "magray",
                "import",
                "--format",
                "locomo",
                shared_data / "locomo" / "locomo-dev.json",
            ],
            cwd=running.folder,
            env=running.environment,
            check=True,
        )
        yield running


@contextmanager
def browsing(service: Running, look: str) -> Iterator[Page]:
    """A page that is logged in; afterwards, nothing was wrong in it."""
    complaints: list[str] = []
    hosts: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(**LOOKS[look])
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(service.base)
        page.get_by_label("API key").fill(service.key)
        page.get_by_role("button", name="Log in").click()
        page.locator("#part-kpis table").wait_for()
        yield page
        folder = os.environ.get("MAGRAY_SCREENSHOTS")
        if folder:
            page.screenshot(path=Path(folder) / f"dashboard-{look}.png", full_page=True)
        serious = [
            (one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in Axe().run(page).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        browser.close()
    assert serious == []
    assert complaints == []
    assert hosts - {""} == {urlsplit(service.base).netloc}


@pytest.mark.parametrize("look", LOOKS)
def test_search_explanation_and_every_part(service: Running, look: str) -> None:
    with browsing(service, look) as page:
        for part in ("layers", "alerts", "performance", "flow", "promotions", "backups", "jobs"):
            expect(page.locator(f"#part-{part}")).not_to_contain_text("Loading", timeout=PATIENCE)
        page.get_by_label("Namespace").fill("conv-26")
        page.get_by_label("Question").fill("When did Caroline go to the support group?")
        page.keyboard.press("Enter")
        first = page.locator("#found li").first
        expect(first).to_contain_text("support group", timeout=PATIENCE)
        expect(first).to_contain_text("words", timeout=PATIENCE)
        first.get_by_role("button").click()
        expect(page.locator("#why")).to_contain_text("must exceed", timeout=PATIENCE)
        expect(page.locator("#why")).to_contain_text("created", timeout=PATIENCE)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0


def test_an_alert_opens_and_ends_without_a_reload(service: Running) -> None:
    """Pressure is made and relieved; the page, left alone, tells both."""
    with browsing(service, "light") as page, session(service.database_url) as db:
        expect(page.locator("#part-health")).to_contain_text("ok", timeout=PATIENCE)
        db.execute(
            "update memory_data.alert_rule set lasts = '0' where name like 'memory pressure%'"
        )
        db.execute(
            "update memory_data.layer set eviction_policy = 'manual' where name = 'insights'"
        )
        overfill(db, "insights")
        db.execute("select * from memory.measure_pressure()")
        db.execute("select * from memory.check_alerts()")
        expect(page.locator("#part-health")).to_contain_text("failing", timeout=PATIENCE)
        alerts = page.locator("#part-alerts")
        expect(alerts).to_contain_text("memory pressure high", timeout=PATIENCE)
        expect(page.locator(".layer.high")).to_contain_text("insights", timeout=PATIENCE)
        button = alerts.get_by_role("button", name="I look after it").first
        button.focus()
        page.keyboard.press("Enter")
        expect(alerts).to_contain_text("looks after it", timeout=PATIENCE)
        db.execute("update memory_data.layer set max_bytes = 1 << 30 where name = 'insights'")
        db.execute("select * from memory.measure_pressure()")
        db.execute("select * from memory.check_alerts()")
        expect(page.locator("#part-health")).to_contain_text("ok", timeout=PATIENCE)
        expect(alerts.locator(".resolved").first).to_be_visible(timeout=PATIENCE)
