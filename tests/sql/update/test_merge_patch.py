"""memory._merge_patch and edits of metadata: RFC 7396, and nothing is lost on the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.sql.calls import call, one, refused, session, value

if TYPE_CHECKING:
    from psycopg import Connection

# RFC 7396, appendix A: original, patch, result.
TABLE: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

# Few keys, so that patch and target meet.
KEYS = st.sampled_from(["a", "b", "ü", "", "a b"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "null"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(KEYS, JSON, max_size=4)


def merge_patch(target: Any, patch: Any) -> Any:
    """The algorithm as section 2 of the RFC prints it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, new in patch.items():
        if new is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), new)
    return result


def merged(db: Connection[Any], target: Any, patch: Any) -> Any:
    return value(db, "select memory._merge_patch(%s, %s)", Jsonb(target), Jsonb(patch))


@pytest.mark.parametrize(("original", "patch", "result"), TABLE)
def test_the_table_of_the_rfc(db: Connection[Any], original: Any, patch: Any, result: Any) -> None:
    assert merge_patch(original, patch) == result
    assert merged(db, original, patch) == result


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(target=JSON, patch=JSON | OBJECT)
def test_any_patch_of_anything(db: Connection[Any], target: Any, patch: Any) -> None:
    assert merged(db, target, patch) == merge_patch(target, patch)


def remembered(db: Connection[Any], **fields: Any) -> dict[str, Any]:
    made = one(db, "remember", **{"namespace": "n", "content": "Ann likes tea"} | fields)
    return {"namespace": "n", "id": made["id"]}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=OBJECT, patches=st.lists(OBJECT, min_size=1, max_size=4))
def test_edits_of_metadata_are_merge_patches(
    db: Connection[Any], before: dict[str, Any], patches: list[dict[str, Any]]
) -> None:
    with db.transaction(force_rollback=True):
        at = remembered(db, metadata=before)
        for patch in patches:
            call(db, "update_memory", **at, changes={"metadata": patch})
            before = merge_patch(before, patch)
            assert one(db, "get", **at)["metadata"] == before


def test_a_patch_of_very_many_keys(db: Connection[Any]) -> None:
    """A target that is read once for each key of the patch takes minutes."""
    target = {f"key {number}": number for number in range(50_000)}
    patch = {f"key {number}": -number or None for number in range(0, 100_000, 2)}
    assert merged(db, target, patch) == merge_patch(target, patch)


def test_metadata_is_replaced_when_asked_to(db: Connection[Any]) -> None:
    at = remembered(db, metadata={"a": 1, "b": {"c": 2}})
    call(db, "update_memory", **at, changes={"replace_metadata": {"b": {"d": None}}})
    assert one(db, "get", **at)["metadata"] == {"b": {"d": None}}
    call(db, "update_memory", **at, changes={"metadata": None, "replace_metadata": None})
    assert one(db, "get", **at)["metadata"] == {"b": {"d": None}}
    call(db, "update_memory", **at, changes={"replace_metadata": {}})
    assert one(db, "get", **at)["metadata"] == {}
    with refused(db, "ML422", "merged or replaced"):
        call(db, "update_memory", **at, changes={"metadata": {}, "replace_metadata": {}})
    for name in ("metadata", "replace_metadata"):
        with refused(db, "ML422", "metadata"):
            call(db, "update_memory", **at, changes={name: [1]})


def test_who_speaks_is_found_by_a_patch_too(db: Connection[Any]) -> None:
    at = remembered(db, metadata={"speaker": "Ann", "n": 1})
    call(db, "update_memory", **at, changes={"metadata": {"speaker": "Boris"}})
    (hit,) = call(db, "search", namespace="n", query="Boris")
    assert hit["metadata"] == {"speaker": "Boris", "n": 1}


def test_ten_at_once_lose_nothing(clone_url: str) -> None:
    with session(clone_url) as db:
        at = remembered(db)
        start = threading.Barrier(10)

        def edit(number: int) -> None:
            with session(clone_url) as own:
                start.wait()
                call(own, "update_memory", **at, changes={"metadata": {f"k{number}": number}})

        threads = [threading.Thread(target=edit, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one(db, "get", **at)["metadata"] == {f"k{n}": n for n in range(10)}
