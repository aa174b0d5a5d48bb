"""API keys: made, stored as a digest, recognised, forgotten soon after they are revoked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core import keys
from service.core.database import connect, make_pool
from service.core.keys import KeyRing, create_key, digest, first_key
from service.core.memory import Memory, Operator
from tests.api.running import problem, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(clone_url: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    async with make_pool(clone_url, size=2) as made:
        yield made


@pytest.fixture
async def operator(clone_url: str) -> AsyncIterator[Operator]:
    async with connect(clone_url, role="memory_owner") as connection:
        yield Operator(connection)


async def test_a_key_is_stored_as_its_digest_only(clone_url: str, operator: Operator) -> None:
    key = await create_key(operator, "app", namespaces=["a"], scopes=["read"])
    other = await create_key(operator, "app", namespaces=["a"], scopes=["read"])
    assert key != other
    assert key.startswith("magray_")
    assert len(key) == 50
    with psycopg.connect(clone_url) as connection:
        rows = connection.execute("select k.*, k::text from memory_data.api_key as k").fetchall()
    assert len(rows) == 2
    assert not any(key in str(row) for row in rows)
    assert any(hashlib.sha256(key.encode()).digest() in row for row in rows)


async def test_the_first_key_is_kept_in_a_private_file(
    tmp_path: Path, operator: Operator, pool: AsyncConnectionPool[Any]
) -> None:
    memory, path = Memory(pool), tmp_path / "key"
    first, made = await first_key(operator, memory, path)
    assert made
    assert path.read_text() == first + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert await first_key(operator, memory, path) == (first, False)
    found = await memory.find_key(digest(first))
    assert found is not None
    assert (found.namespaces, set(found.scopes)) == (["*"], {"read", "write", "admin"})
    # a key that may not be used any more, or was never ours, is replaced
    await operator.revoke_key(first[:14], dry_run=False)
    second, made = await first_key(operator, memory, path)
    assert made
    assert second != first
    path.write_text("nonsense")
    path.chmod(0o644)
    third, _ = await first_key(operator, memory, path)
    assert third not in {first, second}
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_key_is_asked_for_once_while_it_is_remembered(
    operator: Operator, pool: AsyncConnectionPool[Any]
) -> None:
    ring = KeyRing(Memory(pool))
    key = await create_key(operator, "app", namespaces=["a"], scopes=["read"])
    before = await ring.recognise(key)
    assert before is not None
    await operator.revoke_key(key[:14], dry_run=False)
    assert await ring.recognise(key) is before
    assert await KeyRing(Memory(pool)).recognise(key) is None
    assert await ring.recognise("magray_unknown") is None


async def test_a_revoked_key_is_refused_once_its_short_memory_is_over(
    clone: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_REMEMBERED", 0.0)
    async with running(clone()) as service:
        key = await service.key("n")
        client = service.client(key)
        assert (await client.get("/v1/layers")).status_code == 200
        async with connect(service.url, role="memory_owner") as connection:
            await Operator(connection).revoke_key(key[:14], dry_run=True)
            assert (await client.get("/v1/layers")).status_code == 200
            await Operator(connection).revoke_key(key[:14], dry_run=False)
        problem(await client.get("/v1/layers"), 401)
