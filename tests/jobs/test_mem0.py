"""The reader of mem0's exports."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jobs.files.source import open_source
from jobs.transfer.item import Choice, Item, Skip
from jobs.transfer.mem0 import read_mem0
from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.transfer.item import Entry
    from service.core.model.memories import NewMemory

FACT: dict[str, Any] = {
    "id": "bf4d4092",
    "memory": "Likes tea",
    "hash": "c0ffee",
    "user_id": "alice",
    "agent_id": "barista",
    "run_id": "run-1",
    "metadata": {"mood": "calm"},
    "categories": ["food"],
    "created_at": "2024-07-26T01:10:36.131-07:00",
    "updated_at": "2024-07-27T00:00:00",
    "score": 0.3,
}


def read(path: Path, choice: Choice | None = None) -> list[Entry]:
    with open_source(str(path)) as source:
        return list(read_mem0(source, choice or Choice()))


def memories(path: Path, choice: Choice | None = None) -> list[NewMemory]:
    return [entry.memory for entry in read(path, choice) if isinstance(entry, Item)]


def test_every_field_has_its_place(write: Callable[..., Path]) -> None:
    (memory,) = memories(write({"results": [FACT], "relations": []}))
    assert (memory.namespace, memory.session, memory.content) == ("alice", "run-1", "Likes tea")
    assert memory.kind == "learned_context"
    assert memory.created_at is not None
    assert memory.created_at == datetime(2024, 7, 26, 8, 10, 36, 131000, tzinfo=UTC)
    assert memory.metadata == {
        "mood": "calm",
        "mem0_id": "bf4d4092",
        "agent_id": "barista",
        "categories": ["food"],
        "updated_at": "2024-07-27T00:00:00",
    }


@pytest.mark.parametrize(
    "text",
    [
        msgspec.json.encode({"results": [FACT, FACT]}),
        msgspec.json.format(msgspec.json.encode({"results": [FACT, FACT]}), indent=2),
        msgspec.json.encode({"memories": [FACT, FACT]}),
        msgspec.json.encode([FACT, FACT]),
        msgspec.json.format(msgspec.json.encode([FACT, FACT]), indent=2),
        msgspec.json.encode(FACT) + b"\n\n" + msgspec.json.encode(FACT),
    ],
    ids=["results", "pretty", "memories", "list", "pretty list", "lines"],
)
def test_every_shape_is_read(write: Callable[..., Path], text: bytes) -> None:
    assert [one.content for one in memories(write(raw=text))] == ["Likes tea", "Likes tea"]


@pytest.mark.parametrize("name", ["memory", "text", "data"])
def test_the_text_has_three_names(write: Callable[..., Path], name: str) -> None:
    (memory,) = memories(
        write([{"user_id": "u", name: "fact", "created_at": "2024-01-01T00:00:00"}])
    )
    assert memory.content == "fact"
    assert memory.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert memory.metadata == {}


def test_the_user_may_stand_in_the_metadata(write: Callable[..., Path]) -> None:
    (memory,) = memories(
        write([{"memory": "x", "metadata": {"user_id": "bob"}, "created_at": "?"}])
    )
    assert memory.namespace == "bob"
    assert memory.metadata == {}
    assert memory.created_at is None


@pytest.mark.parametrize(
    ("created", "moment"),
    [
        (1721952000, "2024-07-26T00:00:00+00:00"),
        ("1721952000", "2024-07-26T00:00:00+00:00"),
        (1721952000.25, "2024-07-26T00:00:00.250000+00:00"),
        (1721952000123, "2024-07-26T00:00:00.123000+00:00"),
        ("1721952000123", "2024-07-26T00:00:00.123000+00:00"),
        (1721952000123456, "2024-07-26T00:00:00.123456+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
        ("2024-07-26", "2024-07-26T00:00:00+00:00"),
        ("20240726", "2024-07-26T00:00:00+00:00"),
        ("2024-07-26T02:00:00+02:00", "2024-07-26T00:00:00+00:00"),
        ("", None),
        (None, None),
        (1e300, None),
    ],
)
def test_times_come_in_many_spellings(
    write: Callable[..., Path], created: Any, moment: str | None
) -> None:
    (memory,) = memories(write([FACT | {"created_at": created, "updated_at": created}]))
    wanted = None if moment is None else datetime.fromisoformat(moment)
    assert memory.created_at == wanted


@pytest.mark.parametrize(
    "past", ["2020-01-01", "2020-01-01T00:00:00Z", 1577836800, "1577836800000"]
)
def test_what_expired_is_skipped(write: Callable[..., Path], past: Any) -> None:
    assert read(write([FACT | {"expiration_date": past}]))[0] == Skip("memory 1", "expired")


def test_an_end_to_come_is_kept_and_a_day_lasts_to_its_end(write: Callable[..., Path]) -> None:
    today = datetime.now(UTC).date()
    for end in (today, today + timedelta(days=3)):
        (entry,) = read(write([FACT | {"expiration_date": end.isoformat()}]), Choice(forever=True))
        assert isinstance(entry, Item)
        assert entry.expires_at == datetime.combine(end, time.max, tzinfo=UTC)
        assert not entry.memory.pinned
    (entry,) = read(write([FACT | {"expiration_date": None}]), Choice(forever=True))
    assert isinstance(entry, Item)
    assert (entry.expires_at, entry.memory.pinned) == (None, True)


@pytest.mark.parametrize("wrong", ["soon", True, [1], {"a": 1}])
def test_an_end_that_is_no_time_is_named(write: Callable[..., Path], wrong: Any) -> None:
    with pytest.raises(FileError, match="memory 2: expiration_date is no time") as caught:
        read(write([FACT, FACT | {"expiration_date": wrong}]))
    assert repr(wrong) in caught.value.detail


def test_an_export_of_nothing_holds_nothing(write: Callable[..., Path]) -> None:
    assert read(write({"results": []})) == []


def test_a_memory_of_nobody_needs_a_namespace(write: Callable[..., Path]) -> None:
    path = write([FACT, {"memory": "x"}])
    with pytest.raises(FileError, match="memory 2 names no user_id") as caught:
        read(path)
    assert "--namespace" in caught.value.hint
    assert {one.namespace for one in memories(path, Choice(namespace="mine"))} == {"mine"}


def test_a_memory_without_text_is_skipped(write: Callable[..., Path]) -> None:
    assert read(write([{**FACT, "memory": None}]))[0] == Skip("memory 1", "no text")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"[1", "is not JSON"),
        (b'"text"', "is no export of mem0"),
        (b'{"results": 5}', "is no export of mem0"),
        (b"[5]", "memory 1 has the wrong shape"),
        (b'[{"memory": 5}]', "memory 1 has the wrong shape"),
        (b'{"memory": "x", "user_id": "u"}\n{', "line 2 is not JSON"),
    ],
)
def test_what_is_wrong_is_named(write: Callable[..., Path], raw: bytes, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(write(raw=raw))
