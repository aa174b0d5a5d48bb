"""The reader of LoCoMo's format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jobs.files.source import open_source
from jobs.transfer.item import Choice, Item, Skip
from jobs.transfer.locomo import load_conversations, parse_time, read_locomo
from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.transfer.item import Entry

TALK: dict[str, Any] = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ann",
        "speaker_b": "Bob",
        "session_10_date_time": "someday",
        "session_10": [{"speaker": "Ann", "dia_id": "D10:1", "text": "Last."}],
        "session_2_date_time": "12:05 am on 9 May, 2023",
        "session_2": [
            {"speaker": "Bob", "dia_id": "D2:1", "text": "  "},
            {"speaker": "Bob", "dia_id": "D2:2", "text": "", "blip_caption": "a red kite"},
        ],
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "Hello!"},
            {
                "speaker": "Bob",
                "dia_id": "D1:2",
                "text": "Look.",
                "blip_caption": "a dog",
                "query": "dog photo",
                "img_url": ["x"],
            },
        ],
        "session_3_date_time": "1:00 pm on 1 June, 2023",
    },
    "qa": [{"question": "Who greets?", "answer": 7, "evidence": ["D1:1"], "category": 4}],
}


def read(path: Path, choice: Choice | None = None) -> list[Entry]:
    with open_source(str(path)) as source:
        return list(read_locomo(source, choice or Choice()))


def test_turns_come_in_order_with_all_that_is_known_of_them(write: Callable[..., Path]) -> None:
    entries = read(write([TALK]))
    assert [entry.place.split()[1] for entry in entries] == [
        "D1:1",
        "D1:2",
        "D2:1",
        "D2:2",
        "D10:1",
    ]
    assert entries[2] == Skip("conv-1 D2:1", "no text")
    items = [entry.memory for entry in entries if isinstance(entry, Item)]
    assert {memory.namespace for memory in items} == {"conv-1"}
    assert {memory.kind for memory in items} == {"learned_context"}
    assert [memory.session for memory in items] == [
        "session_1",
        "session_1",
        "session_2",
        "session_10",
    ]
    assert items[1].metadata == {
        "speaker": "Bob",
        "dia_id": "D1:2",
        "date": "1:56 pm on 8 May, 2023",
        "caption": "a dog",
        "query": "dog photo",
    }
    assert items[1].content == "Look."
    assert items[1].created_at == datetime(2023, 5, 8, 13, 56, 1, tzinfo=UTC)
    assert items[2].content == "[image: a red kite]"
    assert items[2].created_at == datetime(2023, 5, 9, 0, 5, 1, tzinfo=UTC)
    assert items[3].created_at is None


def test_one_conversation_needs_no_list(write: Callable[..., Path]) -> None:
    assert len(read(write(TALK))) == 5


def test_one_namespace_for_all_keeps_sessions_apart(write: Callable[..., Path]) -> None:
    path = write([TALK, {**TALK, "sample_id": "conv-2"}])
    items = [
        e.memory for e in read(path, Choice(namespace="all", kind="pattern")) if isinstance(e, Item)
    ]
    assert {memory.namespace for memory in items} == {"all"}
    assert {memory.kind for memory in items} == {"pattern"}
    assert len({memory.session for memory in items}) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:30 pm on 1 January, 2024", datetime(2024, 1, 1, 12, 30, tzinfo=UTC)),
        ("9:01 PM on 29 Feb 2024", datetime(2024, 2, 29, 21, 1, tzinfo=UTC)),
        ("9:01 pm on 30 February, 2024", None),
        ("9:01 pm on 3 Smarch, 2024", None),
        ("2024-02-03", None),
        ("", None),
    ],
)
def test_times_are_read_as_they_are_spelled(text: str, expected: datetime | None) -> None:
    assert parse_time(text) == expected


def test_a_story_of_the_future_has_no_time(write: Callable[..., Path]) -> None:
    talk = {
        "conversation": {
            "session_1_date_time": "1:00 pm on 1 June, 2999",
            "session_1": [{"speaker": "A", "dia_id": "D1:1", "text": "x"}],
        }
    }
    (entry,) = read(write(talk))
    assert isinstance(entry, Item)
    assert entry.memory.namespace == "conversation-1"
    assert entry.memory.created_at is None
    assert entry.memory.metadata["date"] == "1:00 pm on 1 June, 2999"


@pytest.mark.parametrize(
    ("document", "message", "detail"),
    [
        ([TALK, TALK], "2 conversations are called conv-1", ""),
        ([{"sample_id": "a"}], "wrong shape", "conversation"),
        ([{"conversation": {"speaker_a": "A"}}], "has no session_1", ""),
        ({"conversation": {"session_1": [{"speaker": "A", "text": "x"}]}}, "session_1", "dia_id"),
        ({"conversation": {"session_1": "x"}}, "conversation-1 session_1 has the wrong shape", ""),
        ("text", "wrong shape", ""),
    ],
)
def test_what_is_wrong_is_named(
    write: Callable[..., Path], document: Any, message: str, detail: str
) -> None:
    with pytest.raises(FileError) as caught:
        read(write(raw=msgspec.json.encode(document)))
    assert message in caught.value.message
    assert detail in caught.value.detail


def test_what_is_not_json_is_named(write: Callable[..., Path]) -> None:
    with pytest.raises(FileError, match="is not JSON"):
        read(write(raw=b"[{]"))


def test_the_real_file(shared_data: Path) -> None:
    with open_source(str(shared_data / "locomo" / "locomo-dev.json")) as source:
        conversations = load_conversations(source)
    turns = [turn for one in conversations for turn in one.turns]
    assert [one.name for one in conversations] == [
        "conv-26",
        "conv-30",
        "conv-41",
        "conv-42",
        "conv-43",
    ]
    assert len(turns) == 2760
    assert all(turn.said_at is not None and turn.text for turn in turns)
    assert sum(len(one.questions) for one in conversations) == 999
