"""ETag, If-Match, If-None-Match and merge patches: who edits at once with others loses nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.running import problem
from tests.api.stored import store

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memory(api: httpx2.AsyncClient, namespace: str) -> dict[str, Any]:
    """Path and parameters of a memory, as a request takes them."""
    (made,) = await store(api, namespace, "old words", metadata={"a": 1, "b": {"c": 2}})
    return {"url": f"/v1/memories/{made}", "params": {"namespace": namespace}}


async def metadata(api: httpx2.AsyncClient, memory: dict[str, Any]) -> Any:
    return (await api.get(**memory)).json()["metadata"]


async def test_ten_edits_at_once_leave_ten_keys(
    api: httpx2.AsyncClient, memory: dict[str, Any]
) -> None:
    answers = await asyncio.gather(
        *(api.patch(**memory, json={"metadata": {f"key {n}": n}}) for n in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}
    kept = {"a": 1, "b": {"c": 2}}
    assert await metadata(api, memory) == kept | {f"key {n}": n for n in range(10)}


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
async def test_metadata_is_a_merge_patch(
    api: httpx2.AsyncClient, memory: dict[str, Any], kind: str
) -> None:
    body = b'{"metadata": {"a": null, "b": {"d": 3}, "e": [null]}}'
    answer = await api.patch(**memory, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    assert await metadata(api, memory) == {"b": {"c": 2, "d": 3}, "e": [None]}
    answer = await api.patch(**memory, json={"replace_metadata": {"x": None}})
    assert answer.status_code == 200
    assert await metadata(api, memory) == {"x": None}
    both = {"metadata": {"x": 1}, "replace_metadata": {"x": 2}}
    problem(await api.patch(**memory, json=both), 422, code="ML422")


async def test_the_document_says_so(api: httpx2.AsyncClient) -> None:
    document = (await api.get("/schema/openapi.json")).json()
    of_one = document["paths"]["/v1/memories/{memory_id}"]
    assert "application/merge-patch+json" in of_one["patch"]["requestBody"]["content"]
    for method in ("get", "patch"):
        assert "ETag" in of_one[method]["responses"]["200"]["headers"]
    for method in ("patch", "delete"):
        assert "412" in of_one[method]["responses"]
        assert "If-Match" in [one["name"] for one in of_one[method]["parameters"]]
    assert "304" in of_one["get"]["responses"]


async def test_the_tag_of_an_answer_is_the_tag_of_the_next_request(
    api: httpx2.AsyncClient, memory: dict[str, Any]
) -> None:
    tag = (await api.get(**memory)).headers["etag"]
    for importance in (0.1, 0.2):
        edit = {"json": {"importance": importance}, "headers": {"If-Match": tag}}
        answer = await api.patch(**memory, **edit)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] != tag
        problem(await api.patch(**memory, **edit), 412, code="ML412")
        tag = answer.headers["etag"]
        read = await api.get(**memory)
        assert (read.headers["etag"], f'"{read.json()["etag"]}"') == (tag, tag)
    problem(await api.delete(**memory, headers={"If-Match": edit["headers"]["If-Match"]}), 412)
    assert (await api.delete(**memory, headers={"If-Match": tag})).status_code == 200
    problem(await api.patch(**memory, json={}, headers={"If-Match": tag}), 404)


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ("TAG", True),
        ("*", True),
        ('"x" ,TAG', True),
        ('W/"x", TAG,', True),
        ('"a,b", TAG', True),
        ("W/TAG", False),
        ('"x"', False),
        ('""', False),
        ('"*"', False),
        ('W/"x", W/TAG', False),
    ],
)
async def test_which_tags_match(
    api: httpx2.AsyncClient, memory: dict[str, Any], header: str, *, matches: bool
) -> None:
    tag = (await api.get(**memory)).headers["etag"]
    headers = {"If-Match": header.replace("TAG", tag)}
    answer = await api.patch(**memory, json={}, headers=headers)
    assert answer.status_code == (200 if matches else 412)
    params = {**memory["params"], "dry_run": True}
    answer = await api.delete(memory["url"], params=params, headers=headers)
    assert answer.status_code == (200 if matches else 412)


async def test_a_tag_is_taken_as_the_body_gives_it(
    api: httpx2.AsyncClient, memory: dict[str, Any]
) -> None:
    bare = (await api.get(**memory)).json()["etag"]
    for header in (bare, f'"x", {bare}', f'{bare} ,"x"'):
        answer = await api.patch(**memory, json={}, headers={"If-Match": header})
        assert answer.status_code == 200, answer.text
        read = await api.get(**memory, headers={"If-None-Match": header})
        assert read.status_code == 304
    for header in (bare[:-1], f"{bare}0", f"{bare} {bare}", "0" * 32, f"W/{bare}"):
        problem(await api.patch(**memory, json={}, headers={"If-Match": header}), 412)


async def test_several_lines_are_one_list(api: httpx2.AsyncClient, memory: dict[str, Any]) -> None:
    tag = (await api.get(**memory)).headers["etag"]
    for lines in ((tag, '"x"'), ('"x"', tag), ('"x"', '"y"', tag)):
        answer = await api.patch(**memory, json={}, headers=[("If-Match", one) for one in lines])
        assert answer.status_code == 200, lines
        read = await api.get(**memory, headers=[("if-none-match", one) for one in lines])
        assert read.status_code == 304, lines
    lines = [("If-Match", '"x"'), ("If-Match", '"y"')]
    problem(await api.patch(**memory, json={"importance": 1}, headers=lines), 412)


@pytest.mark.parametrize("header", ["", "x", "TAG x", '"x', "*, TAG", "w/TAG", ",", "'x'"])
async def test_what_is_no_tag_matches_nothing(
    api: httpx2.AsyncClient, memory: dict[str, Any], header: str
) -> None:
    tag = (await api.get(**memory)).headers["etag"]
    headers = {"If-Match": header.replace("TAG", tag)}
    problem(await api.patch(**memory, json={"importance": 1}, headers=headers), 412)
    problem(await api.delete(**memory, headers=headers), 412)
    read = await api.get(**memory, headers={"If-None-Match": headers["If-Match"]})
    assert (read.status_code, read.headers["etag"]) == (200, tag)


async def test_who_has_it_already_gets_nothing(
    api: httpx2.AsyncClient, memory: dict[str, Any]
) -> None:
    tag = (await api.get(**memory)).headers["etag"]
    for header in (tag, "*", f"W/{tag}", f'"x", {tag}'):
        answer = await api.get(**memory, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    await api.patch(**memory, json={"importance": 0.9})
    answer = await api.get(**memory, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag
