"""A memory on a database of the test's own, and small files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jobs.storage.store import open_store
from service.core.database import connect, make_pool
from service.core.memory import Memory, Transfer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from jobs.storage.store import Store


@pytest.fixture
async def memory(clone_url: str) -> AsyncIterator[Memory]:
    """The functions of an empty database."""
    async with make_pool(clone_url, size=2, role="memory_operator") as pool:
        yield Memory(pool)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's archive keeps its files."""
    return tmp_path / "archive"


@pytest.fixture
def store(folder: Path) -> Store:
    """The store of that folder."""
    return open_store(folder.as_uri())


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of JSON lines from values, or of the bytes given; returns its path."""

    def make(*values: Any, name: str = "file.jsonl", raw: bytes | None = None) -> Path:
        path = tmp_path / name
        text = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
        path.write_bytes(text if raw is None else raw)
        return path

    return make


@pytest.fixture
async def transfer(clone_url: str) -> AsyncIterator[Transfer]:
    """What an import and an export ask across namespaces, on the same database."""
    async with connect(clone_url, role="memory_owner") as connection:
        yield Transfer(connection)
