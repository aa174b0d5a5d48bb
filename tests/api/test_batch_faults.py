"""One faulty memory of a batch is named by its place, whatever is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.running import Running, problem
from tests.api.stored import count
from tests.conftest import DIM

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio

NUL = "a\x00b"
# What is wrong, and the field that is; None: only the memory is named.
FAULTS: list[tuple[dict[str, Any], str | None]] = [
    ({"content": ""}, "content"),
    ({"content": " \t\n"}, "content"),
    ({"content": "\u3000"}, "content"),
    ({"content": None}, "content"),
    ({"content": 5}, "content"),
    ({"content": []}, "content"),
    ({"content": NUL}, "content"),
    ({"content": "x" * 65_537}, "content"),
    ({"namespace": "n" * 201}, "namespace"),
    ({"namespace": 5}, "namespace"),
    ({"namespace": NUL}, "namespace"),
    ({"namespace": ""}, None),
    ({"kind": "gossip"}, None),
    ({"kind": "No Kind"}, "kind"),
    ({"kind": "k" * 64}, "kind"),
    ({"kind": 1}, "kind"),
    ({"session": "s" * 201}, "session"),
    ({"session": NUL}, "session"),
    ({"session": {}}, "session"),
    ({"language": "klingon"}, None),
    ({"ttl": "soon"}, None),
    ({"ttl": "-1 hour"}, None),
    ({"ttl": "900 years"}, None),
    ({"ttl": "250000000 years"}, None),
    ({"ttl": 0}, "ttl"),
    ({"ttl": -1}, "ttl"),
    ({"ttl": "1" * 101}, "ttl"),
    ({"ttl": True}, "ttl"),
    ({"ttl": 60, "pinned": True}, None),
    ({"pinned": "yes"}, "pinned"),
    ({"importance": 1.1}, "importance"),
    ({"importance": "high"}, "importance"),
    ({"importance": 1e-320}, None),
    ({"created_at": "yesterday"}, "created_at"),
    ({"created_at": "2999-01-01T00:00:00Z"}, None),
    ({"created_at": "0001-01-01T00:00:00+14:00"}, None),
    ({"metadata": "x"}, "metadata"),
    ({"metadata": [1]}, "metadata"),
    ({"metadata": {"a": [1, {"b": NUL}]}}, "metadata.a[1].b"),
    ({"metadata": {NUL: 1}}, "metadata"),
    ({"metadata": {"speaker": "s" * 70_000}}, None),
    ({"metadata": {"date": " ".join(f"w{n}" for n in range(200_000))}}, None),
    ({"embedding": [1.0] * (DIM - 1)}, None),
    ({"embedding": [1.0] * (DIM + 1)}, None),
    ({"embedding": [0.0] * DIM}, None),
    ({"embedding": [1e-30] * DIM}, None),
    ({"embedding": [70_000.0] * DIM}, None),
    ({"embedding": [1e300] + [0.0] * (DIM - 1)}, None),
    ({"embedding": ["1"] * DIM}, "embedding[0]"),
    ({"embedding": [1.0] * 4001}, "embedding"),
    ({"embedding": "vector"}, "embedding"),
    ({"tag": "slack"}, None),
    ({"Content": "x"}, None),
]
# The same as JSON text, for what no client's library writes.
TEXTS = [
    (r'{"content": "\ud800"}', "content"),
    (r'{"content": "x", "metadata": {"a": ["\udfff"]}}', "metadata.a[0]"),
    (r'{"content": "x", "metadata": {"\ud800": 1}}', "metadata"),
    ('{"content": "x", "metadata": {"n": NaN}}', "metadata.n"),
    ('{"content": "x", "metadata": {"n": -Infinity}}', "metadata.n"),
    ('{"content": "x", "metadata": {"n": 1e400}}', "metadata.n"),
    ('{"content": "x", "metadata": {"n": ' + "9" * 5000 + "}}", "metadata.n"),
    ('{"content": "x", "metadata": {"n": ' + "[" * 5000 + "]" * 5000 + "}}", None),
    ('{"content": "x", "embedding": [' + "[" * 5000 + "]" * 5000 + "]}", None),
    ('"no memory at all"', None),
    ("null", None),
    ("[]", None),
]


def sent(items: list[str]) -> dict[str, Any]:
    text = '{"memories": [' + ",".join(items) + "]}"
    return {"content": text.encode(), "headers": {"Content-Type": "application/json"}}


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize(
    ("fault", "field"), FAULTS, ids=lambda value: str(value)[:40] if value else "-"
)
async def test_the_faulty_memory_is_named(
    api: httpx2.AsyncClient, namespace: str, fault: dict[str, Any], field: str | None, place: int
) -> None:
    # the others are of another namespace, and PostgreSQL counts those of each by themselves
    memories: list[dict[str, Any]] = [
        {"namespace": f"{namespace}-{n % 2}", "content": f"fine {n}"} for n in range(4)
    ]
    memories.insert(place, {"namespace": f"{namespace}-0", "content": "x", **fault})
    answer = await api.post("/v1/memories", json={"memories": memories})
    assert answer.status_code in {400, 422}, answer.text
    found = problem(answer, answer.status_code)
    named = f"$.memories[{place}]" + (f".{field}" if field else "")
    assert named in found["detail"], found
    if found["title"].startswith("memory"):
        assert found["title"].startswith(f"memory {place + 1}:")
    assert await count(api, f"{namespace}-0") == await count(api, f"{namespace}-1") == 0


@pytest.mark.parametrize(
    ("text", "field"), TEXTS, ids=lambda value: str(value)[:40] if value else "-"
)
async def test_what_is_no_json_or_no_memory_is_named_too(
    api: httpx2.AsyncClient, namespace: str, text: str, field: str | None
) -> None:
    fine = json.dumps({"namespace": namespace, "content": "fine, ,[{"})
    named = text.replace("{", f'{{"namespace": "{namespace}", ', 1) if text[0] == "{" else text
    answer = await api.post("/v1/memories", **sent([fine, fine, named, fine]))
    found = problem(answer, 400, code="ML400")
    assert "$.memories[2]" + (f".{field}" if field else "") in found["detail"], found
    assert await count(api, namespace) == 0


async def test_bytes_that_are_no_text_are_named_by_their_place(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    fine = json.dumps({"namespace": namespace, "content": "fine"})
    request = sent([fine, fine])
    request["content"] = request["content"][:-4] + b'\xff"}]}'
    found = problem(await api.post("/v1/memories", **request), 400, code="ML400")
    assert "$.memories[1].content" in found["detail"]


async def test_an_empty_text_and_a_blank_one_are_the_same_fault(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    (stored,) = (
        await api.post(
            "/v1/memories", json={"memories": [{"namespace": namespace, "content": "x"}]}
        )
    ).json()["memories"]
    path, params = f"/v1/memories/{stored['id']}", {"namespace": namespace}
    for ask in (
        lambda text: api.post(
            "/v1/memories", json={"memories": [{"namespace": namespace, "content": text}]}
        ),
        lambda text: api.post(
            "/v1/memories", json={"memories": [{"namespace": text, "content": "x"}]}
        ),
        lambda text: api.patch(path, params=params, json={"content": text}),
        lambda text: api.post("/v1/search", json={"namespace": namespace, "query": text}),
        lambda text: api.put("/v1/alerts/silence", json={"rule": text, "until": None}),
        lambda text: api.get("/v1/memories", params={"namespace": text}),
    ):
        answers = [await ask(text) for text in ("", " ", "\t\n ")]
        assert len({answer.text for answer in answers}) == 1, [one.text for one in answers]
        assert answers[0].status_code in {400, 422}
    assert (await api.get(path, params=params)).json()["content"] == "x"


async def test_a_namespace_the_key_lacks_is_named_by_its_place(
    service: Running, namespace: str
) -> None:
    client = service.client(await service.key(namespace))
    memories = [{"content": "x"}, {"namespace": "other", "content": "x"}]
    found = problem(await client.post("/v1/memories", json={"memories": memories}), 403)
    assert "$.memories[1]" in found["detail"]


async def test_a_text_that_only_speaks_of_a_nul_is_stored(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    memory = {"namespace": namespace, "content": r"the escape \u0000", "metadata": {"a": r"\u0000"}}
    stored = await api.post("/v1/memories", json={"memories": [memory]})
    assert stored.status_code == 201, stored.text
    (row,) = stored.json()["memories"]
    read = await api.get(f"/v1/memories/{row['id']}", params={"namespace": namespace})
    assert read.json()["content"] == memory["content"]
