"""jobs.storage: a write counts when the same bytes come back."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jobs.storage.store import StoredObject, open_store
from jobs.storage.tier import Storage
from service.core.errors import (
    ConfigError,
    DamagedObjectError,
    MissingObjectError,
    StorageError,
    TierError,
)
from tests.jobs.buckets import serve_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobs.storage.store import Store

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["local", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    if request.param == "local":
        yield open_store((tmp_path / "with spaces, ü").as_uri())
        return
    server = serve_bucket()
    bucket = next(server)
    for name, text in bucket.environment.items():
        monkeypatch.setenv(name, text)
    yield open_store(bucket.url)
    server.close()


async def test_what_is_put_is_listed_read_and_deleted(store: Store) -> None:
    await store.put_verified("a/one", b"1")
    await store.put_verified("a/b/two", b"22" * 1000)
    await store.put_verified("c/three", b"")
    assert await store.names("a") == [StoredObject("a/b/two", 2000), StoredObject("a/one", 1)]
    assert len(await store.names("")) == 3
    assert await store.names("nothing") == []
    assert await store.get("a/b/two") == b"22" * 1000
    await store.delete("a/one")
    await store.delete("a/one")
    with pytest.raises(MissingObjectError, match="a/one"):
        await store.get("a/one")


async def test_an_object_is_never_replaced_by_other_bytes(store: Store) -> None:
    await store.put_verified("name", b"first")
    await store.put_verified("name", b"first")
    with pytest.raises(DamagedObjectError, match="other bytes"):
        await store.put_verified("name", b"second")
    assert await store.get("name") == b"first"
    await store.put_verified("name", b"second", replace=True)
    assert await store.get("name") == b"second"


@pytest.mark.parametrize(
    "url", ["", "archive", "http://host/bucket", "ftp://host/x", "s3://key:secret@bucket/x"]
)
async def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="names no store") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot be opened"):
        open_store((tmp_path / "file" / "archive").as_uri())
    store = open_store((tmp_path / "archive").as_uri())
    assert (tmp_path / "archive").stat().st_mode & 0o777 == 0o700
    (tmp_path / "archive" / "a").write_text("no folder either")
    with pytest.raises(StorageError, match="would not write a/b"):
        await store.put_verified("a/b", b"x")


@pytest.mark.parametrize("url", ["nonsense://bucket/x", "bucket", "s3:/bucket"])
def test_a_tier_that_cannot_be_is_told_in_a_sentence(url: str) -> None:
    with pytest.raises(TierError, match="the tier cloud cannot be opened at") as refused:
        Storage("cloud", url)
    assert "Debug source" not in refused.value.detail
    assert "s3://bucket/prefix" in refused.value.hint


# a loop that is slow to hear: whoever answers it from another thread does so for a while yet
AT_THE_END = """
import asyncio, sys, time
from jobs.storage.store import open_store

class Slow(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *arguments, **named):
        handle = super().call_soon_threadsafe(*arguments, **named)
        time.sleep(0.3)
        return handle

async def use() -> None:
    store = open_store(sys.argv[1])
    await store.put_verified("name", b"data")
    await store.names("")
    await store.delete("name")

with asyncio.Runner(loop_factory=Slow) as runner:
    runner.run(use())
"""


def test_a_program_ends_well_while_a_thread_still_answers(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", AT_THE_END, tmp_path.as_uri()], check=False)
    assert done.returncode == 0
