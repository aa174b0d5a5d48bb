"""An optional field or parameter that is null, "", blank or [] counts as left out, everywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from litestar.exceptions import ValidationException

from service.core.leaves import leaves
from service.core.model import backups as model_backups
from service.core.model import memories as model
from service.core.model import watch as model_watch
from service.core.model.memories import END, NO_NUL, NOT_BLANK
from service.routes.given import read_again
from service.routes.query import parameters_of
from tests.api.running import Running, problem
from tests.api.stored import store
from tests.conftest import DIM

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio

NOTHING: list[Any] = [None, "", " ", "\t\n", []]
BODIES = sorted(
    (
        one
        for shapes in (model, model_backups, model_watch)
        for one in vars(shapes).values()
        if isinstance(one, type)
        and issubclass(one, msgspec.Struct)
        and one.__struct_config__.forbid_unknown_fields
        and one is not model.NewMemory  # which no body is
    ),
    key=lambda one: one.__name__,
)
# What has to be given for a body to be one.
NEEDED: dict[type, dict[str, Any]] = {
    model.SentMemory: {"content": "x"},
    model.Remember: {"memories": [{"content": "x"}]},
    model.Feedback: {"rating": 3},
    model_backups.RestoreRequest: {"into": "x"},
    model_watch.Silence: {"rule": "x", "until": None},
}


@pytest.mark.parametrize("body", dict.fromkeys(BODIES), ids=lambda one: one.__name__)
def test_every_optional_field_of_every_body_may_say_nothing(body: type[msgspec.Struct]) -> None:
    needed = NEEDED.get(body, {})
    left_out = msgspec.convert(needed, body)
    for field in msgspec.structs.fields(body):
        for nothing in NOTHING:
            given = msgspec.json.encode({**needed, field.name: nothing})
            if field.required or (field.name == "content" and isinstance(nothing, str)):
                if (nothing, field.name) != (None, "until"):
                    with pytest.raises(ValidationException):
                        read_again(given, body)
            else:
                assert read_again(given, body) == left_out, (field.name, nothing)


def test_what_is_read_at_once_and_what_is_read_again_is_the_same() -> None:
    """The quick way refuses what says nothing, so that it is never taken for something."""
    for body in BODIES:
        for field in msgspec.structs.fields(body):
            for nothing in NOTHING:
                given = msgspec.json.encode({**NEEDED.get(body, {}), field.name: nothing})
                try:
                    quick = msgspec.json.decode(given, type=body)
                except msgspec.ValidationError:
                    continue
                assert quick == read_again(given, body), (body, field.name, nothing)


async def record(api: httpx2.AsyncClient, path: str, namespace: str) -> dict[str, Any]:
    """What a caller decides about a memory, and when it expires."""
    read = (await api.get(path, params={"namespace": namespace})).json()
    decided = ("content", "kind", "metadata", "session", "importance", "pinned", "language")
    return {name: read[name] for name in (*decided, "expires_at")}


async def test_a_memory_is_stored_as_if_they_were_left_out(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    optional = set(model.SentMemory.__struct_fields__) - {"namespace", "content"}
    (plain,) = await store(api, namespace, "as it is")
    wanted = await record(api, f"/v1/memories/{plain}", namespace)
    for number, nothing in enumerate(NOTHING):
        memory = {
            "namespace": namespace,
            "content": f"said {number}",
            **dict.fromkeys(optional, nothing),
        }
        stored = await api.post("/v1/memories", json={"memories": [memory], "wait": nothing})
        assert stored.status_code == 201, stored.text
        (row,) = stored.json()["memories"]
        found = await record(api, f"/v1/memories/{row['id']}", namespace)
        told = ("content", "expires_at")
        assert {**found, **dict.fromkeys(told)} == {**wanted, **dict.fromkeys(told)}, nothing
        assert found["expires_at"] > wanted["expires_at"]


async def test_an_edit_leaves_what_says_nothing_as_it_is(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(
        api,
        namespace,
        "stays",
        metadata={"a": 1},
        importance=0.25,
        kind="snippet",
        language="german",
        session="s",
        ttl="3 days",
    )
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    before = await record(api, path, namespace)
    for nothing in NOTHING:
        change = dict.fromkeys(model.MemoryChange.__struct_fields__, nothing)
        if isinstance(nothing, str):
            # no content is empty: that is a fault, and nothing of the edit is done
            problem(await api.patch(path, params=params, json={**change, "importance": 1}), 400)
            del change["content"]
        changed = await api.patch(path, params=params, json=change)
        assert changed.status_code == 200, changed.text
        assert await record(api, path, namespace) == before


async def test_an_edit_that_pins_and_sets_a_ttl_is_refused_whole(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(api, namespace, "either or")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    before = await record(api, path, namespace)
    for ttl in (60, 0.5, "2 days"):
        answer = await api.patch(path, params=params, json={"pinned": True, "ttl": ttl})
        assert "pinned" in problem(answer, 422, code="ML422")["title"]
        assert await record(api, path, namespace) == before
    assert (await api.patch(path, params=params, json={"pinned": True, "ttl": None})).is_success
    problem(await api.patch(path, params=params, json={"ttl": 60}), 422, code="ML422")
    assert (await api.patch(path, params=params, json={"pinned": False, "ttl": 60})).is_success


async def test_filters_that_say_nothing_find_everything(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    await store(api, namespace, "a word", session="s")
    await store(api, namespace, "another word", kind="snippet", metadata={"speaker": "Ann"})
    wanted = await api.post("/v1/search", json={"namespace": namespace, "query": "word"})
    both = {hit["id"] for hit in wanted.json()["results"]}
    assert len(both) == 2
    for nothing in NOTHING:
        for said in (
            {"filters": dict.fromkeys(model.Filters.__struct_fields__, nothing)},
            {"filters": nothing},
            dict.fromkeys(
                ("embedding", "top_k", "session", "touch", "explain", "filters"), nothing
            ),
        ):
            request = {"namespace": namespace, "query": "word", **said}
            found = await api.post("/v1/search", json=request)
            assert found.status_code == 200, found.text
            assert {hit["id"] for hit in found.json()["results"]} == both, said
        by_vector = {"namespace": namespace, "query": nothing, "embedding": [1.0] * DIM}
        assert (await api.post("/v1/search", json=by_vector)).status_code == 200
        neither = {"namespace": namespace, "query": nothing, "embedding": nothing}
        problem(await api.post("/v1/search", json=neither), 422, code="ML422")
    # what is inside of metadata is the caller's own
    filters = {"metadata": {"speaker": ""}}
    found = await api.post(
        "/v1/search", json={"namespace": namespace, "query": "word", "filters": filters}
    )
    assert found.json()["results"] == []


@pytest.mark.parametrize("nothing", ["", " "])
async def test_every_optional_parameter_of_every_route_may_be_empty(
    service: Running, namespace: str, nothing: str
) -> None:
    client = service.client(await service.key(namespace, scopes=("read", "write", "admin")))
    house = service.client(await service.key(scopes=("read", "write", "admin")))
    (memory,) = await store(client, namespace, "there")
    tried = set()
    for route in service.app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            known = parameters_of(service.app)[handler]
            optional = [name for name, one in known.items() if one.optional]
            if not optional or not route.path.startswith("/v1") or method == "DELETE":
                continue
            needed = {name: "size" for name, one in known.items() if name == "kpi"}
            path = route.path.replace("{memory_id:uuid}", memory)
            body = {"json": {"rating": 3} if "feedback" in path else {}} if method != "GET" else {}
            asking = client if "namespace" in known else house
            answer = await asking.request(
                method, path, params={**needed, **dict.fromkeys(optional, nothing)}, **body
            )
            assert answer.is_success, (method, path, optional, answer.text)
            tried.update((route.path, name) for name in optional)
    assert {
        ("/v1/memories", "kind"),
        ("/v1/memories", "cursor"),
        ("/v1/memories", "limit"),
        ("/v1/decisions", "action"),
        ("/v1/decisions", "id"),
        ("/v1/kpis/history", "hours"),
    } <= tried
    listed = await client.get(f"/v1/memories?kind={nothing}&kind=snippet&layer=&session=")
    assert listed.json()["memories"] == []
    listed = await client.get("/v1/memories?kind=&layer=&session=")
    assert [one["id"] for one in listed.json()["memories"]] == [memory]


def test_the_document_tells_what_says_nothing(service: Running) -> None:
    """So that a generated client may send it."""
    schemas = service.app.openapi_schema.components.schemas or {}
    assert "Nothing" in schemas
    kind: Any = schemas["SentMemory"]["properties"]["kind"]
    assert {"$ref": "#/components/schemas/Nothing"} in kind["anyOf"]
    assert "namespace" not in schemas["SearchRequest"].get("required", [])


async def test_every_pattern_ends_where_the_text_does(api: httpx2.AsyncClient) -> None:
    """Python's $ matches in front of a last line break; other readers of the schema say no."""
    # pattern: what it takes, and what it does not
    examples = {
        NO_NUL: ("a\n", "a\x00\n"),
        NOT_BLANK: ("a\n", " \n"),
        rf"^[a-z][a-z0-9_]*{END}": ("snippet", "snippet\n"),
        rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}{END}": ("r2", "r2\n"),
        r"^[\s\x1c-\x1f\x85]*$": (" \n", "a\n"),
    }
    document = (await api.get("/schema/openapi.json")).json()
    patterns = {leaf.value for leaf in leaves(document) if leaf.place.endswith(".pattern")}
    assert patterns == examples.keys()
    for pattern, (taken, refused) in examples.items():
        assert re.search(pattern, taken)
        assert not re.search(pattern, refused)
    answer = await api.post("/v1/restores", json={"into": "r2\n", "latest": True})
    assert "$.into" in problem(answer, 400, code="ML400")["detail"]
