"""Everything a caller may send that nobody would: answered well, or refused, never a fault."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from service.core.database import connect
from tests.api.running import problem
from tests.api.stored import store
from tests.conftest import DIM

if TYPE_CHECKING:
    import httpx2

    from tests.api.running import Running

pytestmark = pytest.mark.anyio

STRINGS = [
    "🙂👩‍👩‍👧‍👦",
    "ﷺ́̂ zalgo",
    "\u202eright to left",
    "e\u0301 is not \u00e9",
    "'; drop table memory_data.interact; --",
    "%s %(a)s {0} $1 :x \\",
    "\x01\x02\x7f",
    "\ufffe\uffff",
    "line\r\nbreak\ttab",
    "<script>alert(1)</script>",
    "null",
]
# JSON allows it, PostgreSQL's texts and jsonb do not hold it.
NUL = "a\x00b"


def raw(text: str) -> dict[str, Any]:
    """A request whose body is this JSON text."""
    return {"content": text.encode(), "headers": {"Content-Type": "application/json"}}


async def write(api: httpx2.AsyncClient, memory: dict[str, Any]) -> httpx2.Response:
    return await api.post("/v1/memories", json={"memories": [memory]})


@pytest.mark.parametrize("text", STRINGS)
async def test_any_text_comes_back_as_it_was(
    api: httpx2.AsyncClient, namespace: str, text: str
) -> None:
    place = f"{namespace} {text}"
    memory = {"namespace": place, "content": text, "session": text, "metadata": {text: [text]}}
    stored = await write(api, memory)
    assert stored.status_code == 201, stored.text
    path = f"/v1/memories/{stored.json()['memories'][0]['id']}"
    params = {"namespace": place}
    read = (await api.get(path, params=params)).json()
    assert {name: read[name] for name in memory} == memory
    listed = await api.get("/v1/memories", params={**params, "session": text})
    assert [one["content"] for one in listed.json()["memories"]] == [text]
    for filters in ({"session": text}, {"metadata": {text: [text]}}):
        request = {"namespace": place, "query": text, "embedding": [1.0] * DIM, "filters": filters}
        found = await api.post("/v1/search", json=request)
        assert found.status_code == 200, found.text
    changed = await api.patch(path, params=params, json={"content": text + "!"})
    assert changed.status_code == 200
    rated = await api.post(f"{path}/feedback", params=params, json={"rating": 1, "session": text})
    assert rated.status_code == 201
    for rest in ("/explain", "/history", ""):
        assert (await api.get(path + rest, params=params)).status_code == 200


@pytest.mark.parametrize(
    "place",
    ["namespace", "content", "session", "kind", "language", "ttl", "metadata", "metadata key"],
)
async def test_a_nul_is_refused_wherever_it_stands_in_a_memory(
    api: httpx2.AsyncClient, namespace: str, place: str
) -> None:
    memory: dict[str, Any] = {"namespace": namespace, "content": "x"}
    if place.startswith("metadata"):
        memory["metadata"] = {NUL: 1} if place.endswith("key") else {"a": [NUL]}
    else:
        memory[place] = NUL
    answer = await write(api, memory)
    problem(answer, answer.status_code)
    assert answer.status_code in {400, 422}
    # and the service goes on as if nothing had been
    assert (await write(api, {"namespace": namespace, "content": "x"})).status_code == 201


@pytest.mark.parametrize(
    "request_",
    [
        {"query": NUL},
        {"query": "x", "session": NUL},
        {"query": "x", "filters": {"session": NUL}},
        {"query": "x", "filters": {"metadata": {"a": NUL}}},
        {"query": "x", "filters": {"layers": [NUL]}},
        {"query": "x", "filters": {"kinds": [NUL]}},
        {"query": "x", "filters": {"language": NUL}},
        {"namespace": NUL, "query": "x"},
    ],
)
async def test_a_nul_is_refused_wherever_it_stands_in_a_search(
    api: httpx2.AsyncClient, namespace: str, request_: dict[str, Any]
) -> None:
    answer = await api.post("/v1/search", json={"namespace": namespace, **request_})
    problem(answer, answer.status_code)
    assert answer.status_code in {400, 422}


async def test_a_nul_is_refused_in_every_parameter(api: httpx2.AsyncClient, namespace: str) -> None:
    for name in ("namespace", "cursor", "layer", "kind", "session"):
        answer = await api.get("/v1/memories", params={"namespace": namespace, name: NUL})
        problem(answer, answer.status_code)
        assert answer.status_code in {400, 422}, name
    (stored,) = (await write(api, {"namespace": namespace, "content": "x"})).json()["memories"]
    path, params = f"/v1/memories/{stored['id']}", {"namespace": namespace}
    for change in ({"content": NUL}, {"metadata": {"a": NUL}}, {"language": NUL}, {"ttl": NUL}):
        answer = await api.patch(path, params=params, json=change)
        problem(answer, answer.status_code)
        assert answer.status_code in {400, 422}, change
    rating = {"rating": 3, "session": NUL}
    problem(await api.post(f"{path}/feedback", params=params, json=rating), 422)


async def test_64_kib_of_content_are_stored_and_one_character_more_is_not(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    for text in ("x" * 65_536, "слово " * 10_922 + "дом", "🙂" * 65_536, "a b " * 16_384):
        stored = await write(api, {"namespace": namespace, "content": text})
        assert stored.status_code == 201, stored.text
        path = f"/v1/memories/{stored.json()['memories'][0]['id']}"
        read = await api.get(path, params={"namespace": namespace})
        assert read.json()["content"] == text
    problem(await write(api, {"namespace": namespace, "content": "x" * 65_537}), 400)


async def test_65_thousand_different_words_are_stored_or_refused(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    text = " ".join(f"w{n:05}" for n in range(9_000))
    assert (await write(api, {"namespace": namespace, "content": text})).status_code == 201
    for name in ("speaker", "date"):
        memory = {"namespace": namespace, "content": "x", "metadata": {name: "word " * 300_000}}
        answer = await write(api, memory)
        assert answer.status_code in {201, 422}, answer.text


async def test_huge_metadata_is_stored_and_comes_back(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    metadata = {f"key {n}": {"list": list(range(50)), "text": "t" * 100} for n in range(1000)}
    stored = await write(api, {"namespace": namespace, "content": "x", "metadata": metadata})
    assert stored.status_code == 201
    path = f"/v1/memories/{stored.json()['memories'][0]['id']}"
    assert (await api.get(path, params={"namespace": namespace})).json()["metadata"] == metadata


@pytest.mark.parametrize(
    "number",
    ["1e300", "-1e300", "1e-320", "0.1", "12345678901234567890123", "-0.0", "1e308", "9" * 4000],
)
async def test_any_number_in_metadata_comes_back_equal(
    api: httpx2.AsyncClient, namespace: str, number: str
) -> None:
    memory = f'{{"namespace": "{namespace}", "content": "x", "metadata": {{"n": {number}}}}}'
    stored = await api.post("/v1/memories", **raw(f'{{"memories": [{memory}]}}'))
    assert stored.status_code == 201, stored.text
    path = f"/v1/memories/{stored.json()['memories'][0]['id']}"
    read = await api.get(path, params={"namespace": namespace})
    assert read.status_code == 200, read.text
    # jsonb keeps numbers as decimals: 1e300 comes back written out
    back, sent = read.json()["metadata"]["n"], json.loads(number)
    assert back == sent or float(back) == sent


@pytest.mark.parametrize("number", ["1e400", "1e99999", "9" * 5000, "NaN", "Infinity"])
async def test_a_number_that_is_none_is_refused(
    api: httpx2.AsyncClient, namespace: str, number: str
) -> None:
    memory = f'{{"namespace": "{namespace}", "content": "x", "metadata": {{"n": {number}}}}}'
    problem(await api.post("/v1/memories", **raw(f'{{"memories": [{memory}]}}')), 400)


@pytest.mark.parametrize("depth", [100, 900, 5_000, 100_000])
async def test_deep_metadata_is_stored_or_refused(
    api: httpx2.AsyncClient, namespace: str, depth: int
) -> None:
    nested = "[" * depth + "]" * depth
    memory = f'{{"namespace": "{namespace}", "content": "x", "metadata": {{"n": {nested}}}}}'
    answer = await api.post("/v1/memories", **raw(f'{{"memories": [{memory}]}}'))
    if answer.status_code == 201:
        listed = await api.get("/v1/memories", params={"namespace": namespace})
        assert listed.status_code == 200
    else:
        assert answer.status_code in {400, 422}
        problem(answer, answer.status_code)
    assert depth > 100 or answer.status_code == 201


@pytest.mark.parametrize(
    "odd",
    [
        "9" * 6000,
        "-" + "9" * 6000,
        "1e400",
        "1" + "0" * 400 + ".5",
        "0." + "3" * 6000,
        "[" * 1200 + "]" * 1200,
        '{"x":' * 3000 + "1" + "}" * 3000,
    ],
    ids=range(7),
)
async def test_what_is_there_already_is_shown_whatever_it_is(
    service: Running, api: httpx2.AsyncClient, namespace: str, odd: str
) -> None:
    (made,) = await store(api, namespace, "odd words", metadata={"fine": "]"})
    async with connect(service.url, role="memory_owner") as connection:
        await connection.execute(
            "update memory_data.interact set metadata = metadata || %s::jsonb where namespace = %s",
            (f'{{"odd": {odd}}}', namespace),
        )
    params = {"namespace": namespace}
    question = {**params, "query": "odd words", "explain": True}
    one = await api.get(f"/v1/memories/{made}", params=params)
    listed = await api.get("/v1/memories", params=params)
    found = await api.post("/v1/search", json=question)
    for answer in (one, listed, found):
        assert answer.status_code == 200, answer.text
    for shown in (one.json(), listed.json()["memories"][0], found.json()["results"][0]):
        assert shown["metadata"]["fine"] == "]"
        assert shown["metadata"]["odd"]


@pytest.mark.parametrize("number", [1e-45, 1e-310, 6.1e-5, 65504.0, 65520.0, 3.5e38, 1.7e308])
@pytest.mark.parametrize("sign", [1, -1])
async def test_a_vector_of_any_numbers_is_stored_or_refused(
    api: httpx2.AsyncClient, namespace: str, number: float, sign: int
) -> None:
    embedding = [sign * number] * DIM
    memory = {"namespace": namespace, "content": "x", "embedding": embedding}
    answer = await write(api, memory)
    fits = 6e-8 < number < 65520
    assert answer.status_code == (201 if fits else 422), answer.text
    found = await api.post("/v1/search", json={"namespace": namespace, "embedding": embedding})
    assert found.status_code == (200 if fits else 422), found.text
    for refused in (answer, found):
        if refused.status_code == 422 and abs(number) > 1:
            assert "embedding" in problem(refused, 422, code="ML422")["title"]


async def test_a_parameter_that_cannot_be_is_named(
    service: Running, api: httpx2.AsyncClient
) -> None:
    for route in service.app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            for name in service.app.state.parameters[handler]:
                if route.path in ("/v1/memories", "/v1/decisions", "/v1/kpis/history"):
                    answer = await api.request(method, route.path, params={name: "a\x00b"})
                    assert f"`{name}`" in problem(answer, 422, code="ML422")["detail"]
    for number in (10**20, -(10**20), 2**63):
        answer = await api.post(f"/v1/alerts/{number}/acknowledge")
        assert "alert_id" in problem(answer, 400, code="ML400")["detail"]
    problem(await api.post(f"/v1/alerts/{2**63 - 1}/acknowledge"), 404)


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-14:00",
        "1900-02-28T23:59:59.999999Z",
        "1970-01-01T00:00:00",
        "2024-02-29T12:00:00+05:45",
    ],
)
async def test_an_old_memory_is_read_back_wherever_it_is_shown(
    api: httpx2.AsyncClient, namespace: str, moment: str
) -> None:
    answer = await write(api, {"namespace": namespace, "content": "old", "created_at": moment})
    if answer.status_code != 201:
        problem(answer, 422)
    for shown in (
        await api.get("/v1/memories", params={"namespace": namespace}),
        await api.get("/v1/layers", params={"namespace": namespace}),
        await api.post("/v1/search", json={"namespace": namespace, "query": "old"}),
    ):
        assert shown.status_code == 200, shown.text


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "2999-01-01", "infinity", "now", "0"],
)
async def test_a_memory_of_the_future_is_refused(
    api: httpx2.AsyncClient, namespace: str, moment: str
) -> None:
    answer = await write(api, {"namespace": namespace, "content": "x", "created_at": moment})
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)


@pytest.mark.parametrize(
    ("kind", "ttl"),
    [
        (kind, ttl)
        for kind in ("recent_query", "snippet", "core_concept")
        for ttl in (
            1,
            10**10,
            "1 microsecond",
            "100 years",
            "7000 years",
            "8000 years",
            "250000 years",
            "1000000 years",
            "infinity",
            "-infinity",
            "P1D",
            "1 day -1 day",
            "soon",
            "",
            "0x10",
        )
    ],
)
async def test_any_ttl_is_kept_or_refused_and_never_spoils_a_list(
    api: httpx2.AsyncClient, namespace: str, kind: str, ttl: int | str
) -> None:
    memory = {"namespace": namespace, "content": "x", "kind": kind, "ttl": ttl}
    answer = await write(api, memory)
    if answer.status_code != 201:
        assert answer.status_code in {400, 422}
        problem(answer, answer.status_code)
    listed = await api.get("/v1/memories", params={"namespace": namespace})
    assert listed.status_code == 200, listed.text
    found = await api.post("/v1/search", json={"namespace": namespace, "query": "x"})
    assert found.status_code == 200, found.text


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"created_after": "0001-01-01T00:00:00+14:00"}, 1),
        ({"created_before": "0001-01-01T00:00:00-14:00"}, 0),
        ({"created_after": "9999-12-31T23:59:59.999999-14:00"}, 0),
        ({"created_before": "9999-12-31T23:59:59.999999+14:00"}, 1),
    ],
)
async def test_extreme_times_filter(
    api: httpx2.AsyncClient, namespace: str, filters: dict[str, str], found: int
) -> None:
    await write(api, {"namespace": namespace, "content": "word"})
    request = {"namespace": namespace, "query": "word", "filters": filters}
    answer = await api.post("/v1/search", json=request)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["results"]) == found


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"memories": {}}',
        '{"memories": [null]}',
        '{"memories": [{"namespace": "n"}]}',
        '{"memories": [{"namespace": 1, "content": "x"}]}',
        '{"memories": [{"namespace": "n", "content": "\\ud800"}]}',
        '{"memories": [{"namespace": "n", "content": "x", "wait": 1}]}',
        '{"memories": [{"namespace": "n", "content": "x"}], "wait": "true"}',
    ],
)
async def test_a_body_of_another_shape_is_refused(api: httpx2.AsyncClient, body: str) -> None:
    found = problem(await api.post("/v1/memories", **raw(body)), 400, code="ML400")
    assert found["detail"]


async def test_bytes_that_are_no_text_are_refused(api: httpx2.AsyncClient) -> None:
    for body in (b"\xff\xfe{}", b'{"memories": [{"namespace": "n", "content": "\xff"}]}', b"\x00"):
        headers = {"Content-Type": "application/json"}
        problem(await api.post("/v1/memories", content=body, headers=headers), 400)


async def test_a_body_beyond_every_measure_is_refused(api: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/v1/memories", content=b" " * ((64 << 20) + 1), headers=headers)
    problem(answer, 413, code="ML413")


async def test_unknown_paths_ids_and_methods_are_problems_too(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    params = {"namespace": namespace}
    problem(await api.get("/v1/nothing"), 404, code="ML404")
    problem(await api.get("/v1/memories/not-an-id", params=params), 404)
    unknown = f"/v1/memories/{uuid.uuid4()}"
    for method, path, body in (
        ("GET", unknown, None),
        ("PATCH", unknown, {}),
        ("DELETE", unknown, None),
        ("GET", f"{unknown}/explain", None),
        ("GET", f"{unknown}/history", None),
        ("POST", f"{unknown}/feedback", {"rating": 3}),
    ):
        problem(await api.request(method, path, params=params, json=body), 404, code="ML404")
    not_allowed = await api.put("/v1/search", json={})
    problem(not_allowed, 405)
    assert "POST" in not_allowed.headers["allow"]
