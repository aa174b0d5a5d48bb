"""The reader of JSON lines, and the opening of files."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from jobs.files import source as source_module
from jobs.files.source import open_source
from jobs.transfer.item import Choice, Item, Skip
from jobs.transfer.jsonl import read_jsonl
from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.transfer.item import Entry


def read(path: Path, choice: Choice | None = None) -> list[Entry]:
    with open_source(str(path)) as source:
        return list(read_jsonl(source, choice or Choice()))


def fault(path: Path, choice: Choice | None = None) -> FileError:
    with pytest.raises(FileError) as caught:
        read(path, choice)
    return caught.value


def test_a_line_is_a_memory_with_its_place(write: Callable[..., Path]) -> None:
    path = write(
        {
            "namespace": "n",
            "content": "one",
            "embedding": [1, 0.5],
            "created_at": "2024-01-02T03:04:05Z",
        },
        {"namespace": "m", "content": "two", "kind": "snippet"},
    )
    first, second = read(path)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.place, first.memory.content, first.memory.embedding) == (
        "line 1",
        "one",
        [1, 0.5],
    )
    assert first.memory.created_at is not None
    assert first.memory.created_at.isoformat() == "2024-01-02T03:04:05+00:00"
    assert (second.place, second.memory.kind) == ("line 2", "snippet")


def test_blank_lines_are_nothing_and_still_count_as_lines(write: Callable[..., Path]) -> None:
    path = write(raw=b'\n  \n{"namespace": "n", "content": "x"}\n\n')
    assert [entry.place for entry in read(path)] == ["line 3"]


def test_a_last_line_needs_no_line_break(write: Callable[..., Path]) -> None:
    assert len(read(write(raw=b'{"namespace": "n", "content": "x"}'))) == 1


def test_namespace_and_kind_of_the_caller_win(write: Callable[..., Path]) -> None:
    path = write({"content": "x"}, {"namespace": "n", "content": "y", "kind": "pattern"})
    entries = read(path, Choice(namespace="mine", kind="snippet"))
    assert [(e.memory.namespace, e.memory.kind) for e in entries if isinstance(e, Item)] == [
        ("mine", "snippet"),
        ("mine", "snippet"),
    ]


def test_text_that_says_nothing_is_skipped_with_a_reason(write: Callable[..., Path]) -> None:
    path = write({"namespace": "n", "content": " \n"}, {"namespace": "n", "content": "x"})
    assert read(path)[0] == Skip("line 1", "no text")


@pytest.mark.parametrize(
    ("line", "message", "detail"),
    [
        (b"{", "line 2 is not JSON", "truncated"),
        (b"\xff\xfe", "line 2 is not JSON", "malformed"),
        (b"[]", "line 2 has the wrong shape", "Expected `object`"),
        (b'{"content": "x"}', "line 2 has the wrong shape", "namespace"),
        (b'{"namespace": "n", "content": 5}', "line 2 has the wrong shape", "$.content"),
        (b'{"namespace": "n", "content": "x", "contnt": 1}', "line 2 has the wrong", "contnt"),
        (b'{"namespace": "n", "content": "x", "pinned": 2}', "line 2 has the wrong", "$.pinned"),
    ],
)
@pytest.mark.parametrize("choice", [Choice(), Choice(namespace="mine")])
def test_a_broken_line_is_named(
    write: Callable[..., Path], line: bytes, message: str, detail: str, choice: Choice
) -> None:
    if choice.namespace and b"namespace" not in line and line.startswith(b'{"'):
        return  # a namespace of the caller's mends it
    error = fault(write(raw=b'{"namespace": "n", "content": "good"}\n' + line + b"\n"), choice)
    assert message in error.message
    assert detail.lower() in error.detail.lower()


def test_an_endless_line_is_refused(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "MAX_LINE", 100)
    assert "line 1 is longer" in fault(write({"namespace": "n", "content": "x" * 100})).message


def test_gzip_is_recognised_by_its_bytes(write: Callable[..., Path]) -> None:
    packed = gzip.compress(b'{"namespace": "n", "content": "x"}\n')
    assert len(read(write(raw=packed, name="no-suffix"))) == 1


def test_a_torn_gzip_is_named(write: Callable[..., Path]) -> None:
    packed = gzip.compress(
        b"".join(b'{"namespace": "n", "content": "%d"}\n' % n for n in range(999))
    )
    assert "cannot be read" in fault(write(raw=packed[:-20])).message


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    error = fault(tmp_path / name)
    assert "cannot be read" in error.message
    assert error.detail


def test_position_tells_how_much_of_the_file_is_taken(write: Callable[..., Path]) -> None:
    values: list[Any] = [{"namespace": "n", "content": "x" * 50_000}] * 20
    with open_source(str(write(*values))) as source:
        entries = read_jsonl(source, Choice())
        next(entries)
        assert 0 < source.position < (source.size or 0)
        list(entries)
        assert source.position == source.size
