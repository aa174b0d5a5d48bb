"""The dashboard's pages: who gets in, every part in every state, nothing of a caller left raw."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from service.dashboard import words
from service.dashboard.words import moment, size, span
from tests.api.running import Running, running
from tests.dashboard.visiting import balanced, shown_kpis, visiting
from tests.sql.calls import call, rows, session
from tests.sql.filling import overfill
from tests.watch.forced import force

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx2

    from service.dashboard.panels import Panels

pytestmark = pytest.mark.anyio

PARTS = (
    "health",
    "layers",
    "kpis",
    "flow",
    "performance",
    "promotions",
    "alerts",
    "jobs",
    "backups",
)
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
async def service(clone: Callable[[], str]) -> AsyncIterator[Running]:
    async with running(clone()) as made:
        with session(made.url) as db:
            call(db, "allow_jobs", allowed=False)
        yield made


@pytest.fixture
async def visitor(service: Running) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who is logged in."""
    async with visiting(service) as client:
        key = await service.key(scopes=("read", "admin"))
        answer = await client.post("/login", data={"key": key})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        yield client


async def test_without_a_session_everything_leads_to_the_login(service: Running) -> None:
    async with visiting(service) as client:
        for path in ("/", "/panel/layers", "/search?namespace=n&query=x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        part = await client.get("/panel/layers", headers={"hx-request": "true"})
        assert (part.headers["hx-redirect"], part.text) == ("/login", "")
        balanced((await client.get("/login")).text)


@pytest.mark.parametrize("namespaces", [("n",), ()])
async def test_a_key_that_may_not_see_it_is_told(
    service: Running, namespaces: tuple[str, ...]
) -> None:
    key = await service.key(*namespaces) if namespaces else "magray_nonsense"
    async with visiting(service) as client:
        answer = await client.post("/login", data={"key": key})
        assert answer.status_code == 403
        assert "magray keys create" in balanced(answer.text)
        assert "set-cookie" not in answer.headers


async def test_the_cookie_is_not_the_key_and_ends_with_the_logout(
    service: Running, visitor: httpx2.AsyncClient
) -> None:
    cookie = visitor.cookies["magray"]
    assert "magray_" not in cookie
    page = await visitor.get("/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    balanced(page.text)
    await visitor.post("/logout")
    async with visiting(service) as other:
        other.cookies.set("magray", cookie)
        assert (await other.get("/")).status_code == 303


@pytest.mark.parametrize("proto", [None, "http", "https"])
async def test_behind_tls_the_cookie_goes_no_other_way(service: Running, proto: str | None) -> None:
    async with visiting(service) as client:
        headers = {} if proto is None else {"x-forwarded-proto": proto}
        answer = await client.post("/login", data={"key": await service.key()}, headers=headers)
        assert ("Secure" in answer.headers["set-cookie"]) is (proto == "https")


async def test_a_revoked_key_is_out(service: Running) -> None:
    async with visiting(service) as client:
        key = await service.key()
        await client.post("/login", data={"key": key})
        with session(service.url) as db:
            call(db, "revoke_key", prefix=key[:14])
        service.app.state.key_ring._known.clear()
        assert (await client.get("/")).status_code == 303


async def test_the_page_loads_every_part_there_is(
    service: Running, visitor: httpx2.AsyncClient
) -> None:
    panels: Panels = service.app.state.panels
    assert set(panels.by_name) == set(PARTS)
    page = (await visitor.get("/")).text
    assert set(re.findall(r"/panel/(\w+)", page)) == set(PARTS)
    for name in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page):
        assert (await visitor.get(name)).status_code == 200, name
    assert (await visitor.get("/panel/nothing")).text.count("there is no part") == 1


@pytest.mark.parametrize("name", PARTS)
async def test_every_part_of_an_empty_database(visitor: httpx2.AsyncClient, name: str) -> None:
    answer = await visitor.get(f"/panel/{name}")
    assert answer.status_code == 200
    assert 'role="alert"' not in balanced(answer.text)


async def test_every_kpi_is_shown_as_it_is(service: Running, visitor: httpx2.AsyncClient) -> None:
    now = datetime.now(UTC)
    with session(service.url) as db:
        db.execute("delete from memory_data.service_report")
        expected = force(db, now)
        for back in range(10):
            call(db, "sample_kpis", now=now - timedelta(minutes=back))
    shown = shown_kpis((await visitor.get("/panel/kpis")).text)
    for key, (number, _) in expected.items():
        assert float(shown[key]) == pytest.approx(number, rel=0.02, abs=3), key
    chart = balanced((await visitor.get("/panel/performance")).text)
    assert "<svg" in chart
    assert "<script" not in chart
    assert "last proved 1 d" in (await visitor.get("/panel/backups")).text


async def test_what_callers_wrote_is_text_and_never_markup(
    service: Running, visitor: httpx2.AsyncClient
) -> None:
    api = service.client(await service.key())
    stored = (
        await api.post(
            "/v1/memories",
            json={
                "memories": [
                    {
                        "namespace": SCRIPT,
                        "content": f"{SCRIPT} fox",
                        "metadata": {"speaker": SCRIPT},
                    }
                ]
            },
        )
    ).json()["memories"][0]
    found = await visitor.get("/search", params={"namespace": SCRIPT, "query": "fox"})
    assert "fox" in balanced(found.text)
    assert "<script" not in found.text
    why = await visitor.get("/why", params={"namespace": SCRIPT, "id": stored["id"]})
    assert "access count" in balanced(why.text)
    assert "<script" not in why.text
    with session(service.url) as db:
        used = rows(db, "select access_count from memory.records where namespace = %s", SCRIPT)
    assert used[0]["access_count"] == 0
    nobody = await visitor.get("/why", params={"namespace": "n", "id": stored["id"]})
    assert "is not known" in nobody.text


async def test_an_alert_is_shown_and_looked_after(
    service: Running, visitor: httpx2.AsyncClient
) -> None:
    now = datetime.now(UTC)
    with session(service.url) as db:
        overfill(db, "assets")
        for minutes in range(6, -1, -1):
            call(db, "check_alerts", now=now - timedelta(minutes=minutes))
    assert "failing" in (await visitor.get("/panel/health")).text
    text = (await visitor.get("/panel/alerts")).text
    (alert, *_) = re.findall(r'hx-post="(/alerts/\d+/acknowledge)"', text)
    forged = await visitor.post(alert)
    assert "I look after it" not in forged.text
    answer = await visitor.post(alert, headers={"hx-request": "true"})
    assert "test looks after it." in balanced(answer.text)
    with session(service.url) as db:
        db.execute("update memory_data.layer set max_bytes = 1 << 33 where name = 'assets'")


async def test_a_key_without_scope_admin_only_looks(service: Running) -> None:
    async with visiting(service) as client:
        await client.post("/login", data={"key": await service.key(scopes=("read",))})
        answer = await client.post("/alerts/1/acknowledge", headers={"hx-request": "true"})
        assert "no scope admin" in answer.text


def test_words_for_numbers() -> None:
    assert [size(number) for number in (None, 0, 1023, 1536, 5 << 30)] == [
        "\N{EN DASH}",
        "0 B",
        "1023 B",
        "1.5 kB",
        "5.0 GB",
    ]
    assert [span(length) for length in (None, 0.25, 59, 3700, timedelta(days=2, hours=3))] == [
        "\N{EN DASH}",
        "250 ms",
        "59 s",
        "1 h 1 min",
        "2 d 3 h",
    ]
    assert [span(length) for length in (-3600, timedelta(seconds=-0.25))] == ["-1 h", "-250 ms"]
    values = (None, 0.0, 0.1234567, 12.5, 1234.4, 691_200, 2e-5)
    assert [words.number(value) for value in values] == [
        "\N{EN DASH}",
        "0",
        "0.1235",
        "12.5",
        "1,234",
        "691,200",
        "0.00002",
    ]
    assert moment(datetime(2026, 6, 1, 12, 30, tzinfo=UTC)) == "2026-06-01 12:30"


@pytest.mark.parametrize("name", ["health", "layers", "flow", "performance", "jobs", "backups"])
async def test_a_part_that_did_not_change_is_not_sent_again(
    visitor: httpx2.AsyncClient, name: str
) -> None:
    """Two looks may fall on both sides of a minute or of a measurement; three may not."""
    for _ in range(3):
        text = balanced((await visitor.get(f"/panel/{name}")).text)
        (shown,) = re.findall(r'name="shown" value="(\w+)"', text)
        again = await visitor.get(f"/panel/{name}", params={"shown": shown})
        if again.status_code == 204:
            break
    assert (again.status_code, again.text) == (204, "")
    other = await visitor.get(f"/panel/{name}", params={"shown": "0"})
    assert other.status_code == 200


@pytest.mark.parametrize("name", PARTS)
async def test_what_takes_the_focus_has_a_name_to_find_it_by(
    visitor: httpx2.AsyncClient, name: str
) -> None:
    text = (await visitor.get(f"/panel/{name}")).text
    for tag in re.findall(r"<button[^>]*>|<[^>]*tabindex[^>]*>", text):
        assert ' id="' in tag
