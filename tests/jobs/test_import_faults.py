"""An import names what is wrong by its line and field, and goes on past it when asked."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jobs.files.source import open_source
from jobs.transfer.formats import READERS
from jobs.transfer.item import Choice
from jobs.transfer.report import open_report
from jobs.transfer.store import store
from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.transfer.outcome import Outcome
    from service.core.memory import Memory, Transfer

pytestmark = pytest.mark.anyio

GOOD = {"namespace": "n", "content": "good"}
FACT = {"id": "1", "memory": "Likes tea", "user_id": "ann"}
TURN = {"speaker": "Ann", "dia_id": "D1:1", "text": "Hello!"}


async def bring(
    memory: Memory,
    transfer: Transfer,
    path: Path,
    form: str = "jsonl",
    *,
    batch: int = 4,
    report: Path | None = None,
    dry_run: bool = False,
    **choice: Any,
) -> Outcome:
    chosen = Choice(**choice)
    with open_source(str(path)) as source, open_report(report and str(report)) as told:
        return await store(
            memory,
            READERS[form](source, chosen),
            batch=batch,
            transfer=transfer,
            report=told,
            skip_faults=chosen.skip_faults,
            dry_run=dry_run,
        )


def fault(path: Path, form: str = "jsonl", **choice: Any) -> FileError:
    with pytest.raises(FileError) as caught, open_source(str(path)) as source:
        list(READERS[form](source, Choice(**choice)))
    return caught.value


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"namespace": "n", "content": "a\\u0000b"}', ["$.content", "NUL"]),
        (
            b'{"namespace": "n", "content": "x", "metadata": {"a": [1, {"b": "\\u0000"}]}}',
            ["$.metadata.a[1].b", "NUL"],
        ),
        (b'{"namespace": "n", "content": "x", "metadata": {"\\u0000": 1}}', ["a key", "NUL"]),
        (b'{"namespace": "n\\u0000", "content": "x"}', ["$.namespace", "NUL"]),
        (b'{"namespace": "n", "content": "a\\ud800"}', ["$.content", "d800", "surrogate"]),
        (b'{"namespace": "n", "content": "\\udc00 a"}', ["$.content", "dc00"]),
        (b'{"namespace": "n", "content": "x", "session": "\\uD83D"}', ["$.session", "d83d"]),
        (b'{"namespace": "n", "content": "x", "metadata": {"n": 1e999}}', ["metadata.n", "range"]),
        (b'{"namespace": "n", "content": "x", "contnt": 1}', ["contnt", "did you mean content"]),
        (b'{"namespace": "n", "content": "x", "createdAt": 1}', ["did you mean created_at"]),
        (b'{"namespace": "n", "content": "x", "zzz": 1}', ["zzz", "known here:", "importance"]),
        (b'{"namespace": "n", "content": 5}', ["$.content"]),
        (b'{"namespace": "n", "content": "x", "importance": 7}', ["$.importance"]),
        (b'{"namespace": "", "content": "x"}', ["$.namespace"]),
        (b'{"content": "x"}', ["namespace"]),
        (b'{"namespace": "n", "content": "\xff"}', ["not JSON"]),
        (b"[" * 2000, ["not JSON", "nested too deep"]),
        (
            b'{"namespace": "n", "content": "x", "ttl": 5, "expires_at": "2999-01-01"}',
            ["$.expires_at"],
        ),
        (
            b'{"namespace": "n", "content": "x", "ttl": 5, "expires_at": "2999-01-01T00:00:00Z"}',
            ["ttl and expires_at"],
        ),
    ],
)
async def test_a_faulty_line_is_named_with_its_field(
    write: Callable[..., Path], line: bytes, words: list[str]
) -> None:
    path = write(raw=msgspec.json.encode(GOOD) + b"\n\n" + line + b"\n")
    error = fault(path)
    for word in ["line 3", *words]:
        assert word in f"{error.message} {error.detail}"


async def test_a_pair_of_surrogates_is_a_character(
    memory: Memory, transfer: Transfer, write: Callable[..., Path]
) -> None:
    path = write(raw=b'{"namespace": "n", "content": "\\ud83c\\udf75 tea"}\n')
    assert (await bring(memory, transfer, path)).stored == 1
    (row,) = await memory.list_memories("n", limit=5)
    assert row.content == "🍵 tea"


async def test_it_goes_on_past_faults_of_every_kind_and_reports_each(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], tmp_path: Path
) -> None:
    lines = [
        b'{"namespace": "n", "content": "one"}',
        b"{no json",
        b'{"namespace": "n", "content": ""}',
        b'{"namespace": "n", "content": " "}',
        b'{"namespace": "m", "content": "two"}',
        b'{"namespace": "n", "content": "x", "kind": "gossip"}',
        b'{"namespace": "n", "content": "a\\u0000"}',
        b'{"namespace": "n", "content": "three"}',
        b'{"namespace": "n", "content": "x", "embedding": [1.0]}',
        b'{"namespace": "n", "content": "x", "embedding": [1e9, 0, 0, 0, 0, 0, 0, 0]}',
        b'{"namespace": "n", "content": "x", "created_at": "2999-01-01T00:00:00Z"}',
        b'{"namespace": "n", "content": "x", "ttl": "never ever"}',
        b'{"namespace": "n", "content": "four"}',
        b'{"namespace": "n", "content": "one"}',
        b'{"namespace": "n", "content": "' + b"x" * 70_000 + b'"}',
    ]
    path, report = write(raw=b"\n".join(lines)), tmp_path / "report.jsonl"
    outcome = await bring(memory, transfer, path, report=report, skip_faults=True)
    assert (outcome.read, outcome.stored, outcome.known, outcome.faults) == (15, 4, 1, 8)
    assert outcome.read == outcome.stored + outcome.known + sum(
        one.count for one in outcome.skipped.values()
    )
    told = [msgspec.json.decode(line) for line in report.read_bytes().splitlines()]
    assert sorted(one["line"] for one in told) == [2, 3, 4, 6, 7, 9, 10, 11, 12, 15]
    assert report.stat().st_mode & 0o777 == 0o600
    by_line = {one["line"]: one for one in told}
    for number, one in by_line.items():
        assert one["text"] == lines[number - 1].decode()
        assert one["reason"]
    assert by_line[6]["reason"] == 'kind "gossip" is not known'
    assert by_line[7]["field"] == "content"
    # nothing to remember is the same, however it is written
    assert by_line[3]["reason"] == by_line[4]["reason"] == "no text"
    again = await bring(memory, transfer, path, skip_faults=True)
    assert (again.stored, again.known, again.faults) == (0, 5, 8)


@pytest.mark.parametrize("torn", [b'{"namespace": "n", "content": "one"', b"[", b"{"])
async def test_a_torn_first_line_costs_no_other(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], torn: bytes
) -> None:
    """It may begin a document of many lines, for which the rest of the file is looked at."""
    lines = [torn, *(b'{"namespace": "n", "content": "%d"}' % number for number in range(9))]
    path = write(raw=b"\n".join(lines))
    outcome = await bring(memory, transfer, path, skip_faults=True)
    assert (outcome.read, outcome.stored, outcome.faults) == (10, 9, 1)
    with pytest.raises(FileError, match="line 1 is not JSON"):
        await bring(memory, transfer, path)


async def test_without_being_asked_it_stops_at_the_first(
    memory: Memory, transfer: Transfer, write: Callable[..., Path]
) -> None:
    path = write(raw=b'{"namespace": "n", "content": "one"}\n{\n{"namespace": "n", "content": "2"}')
    with pytest.raises(FileError, match="line 2 is not JSON"):
        await bring(memory, transfer, path)
    assert len(await memory.list_memories("n", limit=5)) == 1


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_byte_order_mark_line_ends_blank_lines_and_gzip(
    write: Callable[..., Path], ending: bytes, mark: bytes, pack: Callable[[bytes], bytes]
) -> None:
    for form, value in (("jsonl", GOOD), ("mem0", FACT)):
        text = mark + ending.join(
            [b"", msgspec.json.encode(value), b"  ", b"", msgspec.json.encode(value), b""]
        )
        with open_source(str(write(raw=pack(text)))) as source:
            assert [one.place for one in READERS[form](source, Choice())] == ["line 2", "line 5"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_documents_may_have_a_byte_order_mark(
    write: Callable[..., Path], mark: bytes
) -> None:
    talk = {"conversation": {"session_1": [TURN]}}
    for form, value in (("locomo", [talk]), ("mem0", {"results": [FACT]})):
        text = mark + msgspec.json.format(msgspec.json.encode(value)).replace(b"\n", b"\r\n")
        with open_source(str(write(raw=text))) as source:
            assert len(list(READERS[form](source, Choice()))) == 1


CHATGPT = [{"title": "Trip", "create_time": 1.0, "mapping": {"a": {"message": None}}}]
QDRANT = {"result": {"points": [{"id": 1, "payload": {"data": "x"}, "vector": [1.0]}]}}
OTHERS: list[tuple[Any, str]] = [
    (CHATGPT, "ChatGPT"),
    (QDRANT, "Qdrant"),
    ({"id": 1, "payload": {"text": "x"}, "vector": [0.1]}, "Qdrant"),
    ([{"id": 1, "payload": {"text": "x"}}], "Qdrant"),
    ([{"uuid": "1", "name": "x", "chat_messages": []}], "Claude"),
    ({"messages": [{"role": "user", "content": "x"}]}, "OpenAI"),
    ({"ids": ["1"], "documents": ["x"], "metadatas": []}, "Chroma"),
    ({"vectors": [{"id": "1", "values": [0.1]}]}, "Pinecone"),
    ({"class": "Memory", "properties": {"text": "x"}}, "Weaviate"),
]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("form", ["jsonl", "mem0", "locomo"])
@pytest.mark.parametrize(("value", "name"), OTHERS)
async def test_a_file_of_another_program_is_refused_and_called_what_it_is(
    write: Callable[..., Path], value: Any, name: str, form: str, skip: bool
) -> None:
    text = msgspec.json.encode(value)
    for raw in (text, msgspec.json.format(text)):
        assert name in fault(write(raw=raw), form, skip_faults=skip).detail


@pytest.mark.parametrize(
    ("value", "form", "wanted"),
    [
        ({"results": [FACT]}, "jsonl", "--format mem0"),
        (FACT, "jsonl", "--format mem0"),
        ([{"conversation": {"session_1": [TURN]}}], "jsonl", "--format locomo"),
        ([{"conversation": {"session_1": [TURN]}}], "mem0", "--format locomo"),
        (GOOD, "mem0", "--format jsonl"),
        (GOOD, "locomo", "--format jsonl"),
        ([FACT], "locomo", "--format mem0"),
    ],
)
async def test_of_a_format_that_can_be_read_the_command_is_named(
    write: Callable[..., Path], value: Any, form: str, wanted: str
) -> None:
    error = fault(write(raw=msgspec.json.encode(value)), form)
    assert wanted in error.hint


@pytest.mark.parametrize("form", ["jsonl", "mem0", "locomo"])
@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"PAR1....", "Parquet"),
        (b"\x28\xb5\x2f\xfd...", "zstd"),
        ("\ufeff{}".encode("utf-16-le"), "UTF-16"),
    ],
)
async def test_what_is_no_text_is_told(
    write: Callable[..., Path], raw: bytes, told: str, form: str
) -> None:
    assert told in fault(write(raw=raw), form).message


@pytest.mark.parametrize("form", ["mem0", "locomo"])
async def test_unknown_fields_are_refused_with_the_nearest(
    write: Callable[..., Path], form: str
) -> None:
    if form == "mem0":
        value: Any = [{**FACT, "userid": "x", "user_id": "u"}]
        error = fault(write(raw=msgspec.json.encode(value)), form)
        assert "did you mean user_id" in error.detail
        assert "memory 1" in error.message
    else:
        value = {"conversation": {"session_1": [TURN, TURN | {"speeker": "Ann"}]}}
        error = fault(write(raw=msgspec.json.encode(value)), form)
        assert "did you mean speaker" in error.detail
        assert "session_1 turn 2" in error.message
        value = {"conversation": {"session_1": [TURN], "sesion_2": []}}
        assert "sesion_2" in fault(write(raw=msgspec.json.encode(value)), form).message


async def test_fields_can_be_left_aside(write: Callable[..., Path]) -> None:
    for form, value in (
        ("jsonl", GOOD | {"extra": 1}),
        ("mem0", FACT | {"extra": {"a": 1}}),
        ("locomo", {"conversation": {"session_1": [TURN | {"extra": 1}], "extra": 1}}),
    ):
        with open_source(str(write(raw=msgspec.json.encode(value)))) as source:
            found = list(READERS[form](source, Choice(ignored=frozenset(["extra"]))))
        assert len(found) == 1


async def test_a_faulty_turn_and_a_faulty_fact_are_passed(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], tmp_path: Path
) -> None:
    report = tmp_path / "report"
    turns = [TURN, {"speaker": "Bob"}, TURN | {"dia_id": "D1:3", "text": "a\0"}]
    talk = {"sample_id": "c", "conversation": {"session_1": turns}}
    outcome = await bring(memory, transfer, write(talk), "locomo", skip_faults=True, report=report)
    assert (outcome.read, outcome.stored, outcome.faults) == (3, 1, 2)
    facts = [FACT, {"memory": 5}, {"id": "3", "title": "x"}, FACT | {"memory": "Likes \ud800"}]
    raw = b"[" + b",".join(_ascii(one) for one in facts) + b"]"
    outcome = await bring(memory, transfer, write(raw=raw), "mem0", skip_faults=True, report=report)
    assert (outcome.read, outcome.stored, outcome.faults) == (4, 1, 3)
    told = [msgspec.json.decode(line) for line in report.read_bytes().splitlines()]
    assert [one["place"] for one in told] == ["memory 2", "memory 3", "memory 4"]
    assert "$.memory holds half a character" in told[2]["reason"]


def _ascii(value: Any) -> bytes:

    return json.dumps(value).encode()
