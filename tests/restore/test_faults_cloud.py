"""Buckets and keys: a real S3 server, and faults between it and us."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from jobs.backup.crypto import Key, Keys
from jobs.backup.drill import drill
from jobs.backup.prune import move
from jobs.backup.repository import open_repository
from jobs.backup.status import summary
from jobs.backup.target import Target
from jobs.backup.verify import verify
from jobs.storage.tier import Storage
from service.background.backups import ship_wal
from service.core.errors import ColdStorageError, DamagedError, NoKeyError, TierError
from service.core.settings import BackupSettings
from tests.restore.places import Chain, Place, line_of, restore_into, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUCKET = "magray"
REGION = {"region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}

# moto and its libraries, not ours
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


HANG_UP = 0


class Proxy(ThreadingHTTPServer):
    """Passes requests on to the S3 server, unless `spoil` answers one itself.

    Attributes:
        spoil: told method and path; a status to answer with, HANG_UP, or None.
        code: of the errors it answers itself.
        shorten: whether the bodies of uploads lose their end on the way.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = (host, port)
        self.spoil: Callable[[str, str], int | None] = lambda _method, _path: None
        self.shorten = False
        self.code = "SlowDown"
        self.asked: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        status = self.server.spoil(self.command, self.path)
        if status == HANG_UP:
            self.close_connection = True
            return
        if status is not None:
            self._answer(status, {}, f"<Error><Code>{self.server.code}</Code></Error>".encode())
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        if self.server.shorten and self.command == "PUT" and len(body) > 100:
            body = body[: len(body) // 2]
            headers["Content-Length"] = str(len(body))
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, int]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def proxy(s3: tuple[str, int]) -> Iterator[Proxy]:
    made = Proxy(*s3)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    request(s3, "POST", "/moto-api/reset")
    request(s3, "PUT", f"/{BUCKET}")
    yield made
    made.shutdown()
    made.server_close()


def request(s3: tuple[str, int], method: str, path: str, **headers: str) -> bytes:
    connection = http.client.HTTPConnection(*s3, timeout=30)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    body = connection.getresponse().read()
    connection.close()
    return body


def options(proxy: Proxy) -> dict[str, str]:
    return {**REGION, "endpoint": proxy.endpoint}


@pytest.fixture
def bucket(proxy: Proxy) -> Storage:
    return Storage("cloud", f"s3://{BUCKET}/backups-of-ann", options(proxy))


def cloudy(chain: Chain, proxy: Proxy) -> Chain:
    """The chain with a cloud tier."""
    settings = BackupSettings(cloud=f"s3://{BUCKET}/ann", cloud_options=options(proxy))
    return Chain(chain.folder, settings, chain.bin_dir, chain.ids, chain.instants, chain.ledger)


def test_objects_go_to_the_bucket_and_back(bucket: Storage) -> None:
    assert bucket.put("a/b", b"some bytes")
    assert not bucket.put("a/b", b"other bytes", create=True)
    assert bucket.get("a/b") == b"some bytes"
    assert [(one.path, one.size) for one in bucket.entries("a")] == [("a/b", 10)]
    bucket.delete(["a/b", "a/b"])
    assert not bucket.exists("a/b")


def test_fault_34_a_storm_of_errors_passes(bucket: Storage, proxy: Proxy) -> None:
    """500 and 503 come and go: retried, and what was written is whole."""
    answers = iter([500, 503, 503, 500, 503])
    proxy.spoil = lambda method, _: next(answers, None) if method == "PUT" else None
    assert bucket.put("a", b"x" * 1000)
    assert bucket.get("a") == b"x" * 1000
    assert len([one for one in proxy.asked if one.startswith("PUT")]) == 6


def test_fault_34_connections_that_break(bucket: Storage, proxy: Proxy) -> None:
    """In the middle of a large upload, and of its reading: tried again, and whole."""
    data = os.urandom(20 << 20)
    answers = iter([None, HANG_UP, None, HANG_UP, HANG_UP])
    proxy.spoil = lambda method, _: next(answers, None) if method == "PUT" else None
    assert bucket.put("a", data)
    assert next(answers, "all were given") == "all were given"
    broken = iter([HANG_UP])
    proxy.spoil = lambda method, _: next(broken, None) if method == "GET" else None
    assert bucket.get("a") == data


@pytest.mark.parametrize("status", [403, 401])
def test_fault_34_what_is_refused_is_no_success(bucket: Storage, proxy: Proxy, status: int) -> None:
    """Expired credentials, a missing right: a typed error at once."""
    proxy.spoil = lambda method, _: status if method == "PUT" else None
    with pytest.raises(TierError):
        bucket.put("a", b"x")
    proxy.spoil = lambda _method, _path: None
    assert not bucket.exists("a")


def test_fault_34_a_denied_delete_is_told(bucket: Storage, proxy: Proxy) -> None:
    bucket.put("a", b"x")
    proxy.spoil = lambda method, _: 403 if method in ("DELETE", "POST") else None
    with pytest.raises(TierError):
        bucket.delete(["a"])
    proxy.spoil = lambda _method, _path: None
    assert bucket.exists("a")


def test_fault_34_a_short_upload_is_no_success(bucket: Storage, proxy: Proxy) -> None:
    """The store says it is stored, but half of it: never taken for a success."""
    proxy.shorten = True
    with pytest.raises(TierError):
        bucket.put("a", b"x" * 1000)


def test_fault_34_a_backup_that_fails_in_the_cloud_leaves_nothing(
    make_place: Callable[..., Place], proxy: Proxy
) -> None:
    place = make_place(cloud=f"s3://{BUCKET}/ann", cloud_options=options(proxy))
    place.write(3)
    proxy.spoil = lambda method, path: 403 if method == "PUT" and "pack-" in path else None
    with pytest.raises(TierError):
        place.take("snapshot")
    proxy.spoil = lambda _method, _path: None
    assert place.repository.catalogue().backups == []
    made = place.take("snapshot")
    assert (made.kind, made.reason) == ("snapshot", "test")
    at = place.instant()
    place.write(1)
    place.close_window()
    place.end()
    # the bucket alone, on a clean machine: to the end of the WAL that went with the snapshot
    clean = BackupSettings(cloud=f"s3://{BUCKET}/ann", cloud_options=options(proxy))
    repository = open_repository(clean, place.folder / "clean", place.server.bin_dir)
    told = restore_into(repository, Target(latest=True), place.folder / "there", place.folder)
    assert told.chain == [made.id]
    assert state_of(place.folder / "there", place.folder) == place.ledger.at(at)


def test_fault_34_bits_that_change_in_the_bucket(copy: Chain, proxy: Proxy) -> None:
    moved = cloudy(copy, proxy)
    cloud = moved.repository.cloud
    assert cloud is not None
    for name in moved.ids:
        move(moved.repository.catalogue().get(name), cloud)
    assert all(one.ok for one in verify(moved.repository, moved.ids))
    path = f"backups/{moved.ids[1]}/pack-00001.zst"
    data = bytearray(cloud.get(path))
    data[len(data) // 2] ^= 4
    cloud.put(path, bytes(data))
    bad = [one.what for one in verify(moved.repository, moved.ids) if not one.ok]
    assert bad == moved.ids[1:]


def test_fault_35_objects_in_cold_storage(copy: Chain, proxy: Proxy) -> None:
    """A typed answer that says what to do; once they are back the same command goes on.

    The server of these tests hands archived objects out, so S3's answer is given in its place.
    """
    moved = cloudy(copy, proxy)
    cloud = moved.repository.cloud
    assert cloud is not None
    for name in moved.ids:
        move(moved.repository.catalogue().get(name), cloud)
    proxy.code = "InvalidObjectState"
    proxy.spoil = lambda method, path: 403 if method == "GET" and "pack-" in path else None
    with pytest.raises(ColdStorageError) as error:
        moved.restore(moved.instants[0])
    assert "restore the folder" in error.value.hint
    assert not (moved.folder / "restored").exists()
    proxy.spoil = lambda _method, _path: None
    moved.restore(moved.instants[0])
    assert moved.state() == moved.ledger.at(moved.instants[0])


def test_fault_46_the_bucket_alone(copy: Chain, proxy: Proxy, folder: Path) -> None:
    """Chain and WAL went to the bucket; on a clean machine nothing else is needed."""
    moved = cloudy(copy, proxy)
    repository = moved.repository
    assert repository.cloud is not None
    ship_wal(repository, repository.catalogue())
    for name in moved.ids:
        move(repository.catalogue().get(name), repository.cloud)
    clean = open_repository(moved.settings, folder / "clean", moved.bin_dir)
    assert [one.id for one in clean.catalogue().backups] == moved.ids
    assert list((folder / "clean").rglob("*.zst")) == []
    told = restore_into(clean, moved.instants[1], folder / "restored", folder)
    assert told.chain == moved.ids[:2]
    assert state_of(folder / "restored", folder) == moved.ledger.at(moved.instants[1])
    shutil.rmtree(folder / "restored")


def key_file(folder: Path, name: str = "key") -> Path:
    path = folder / name
    path.write_bytes(base64.b64encode(os.urandom(32)))
    return path


def test_fault_36_keys(make_place: Callable[..., Place], folder: Path) -> None:
    """No backup without a usable key; after a rotation old and new ones are readable.

    Who has another key, or none, is told which key it takes, never that there is no backup.
    """
    first, second = key_file(folder, "first"), key_file(folder, "second")
    place = make_place(key_file=first)
    place.write(3)
    made = place.take("full")
    assert made.key is not None
    at = place.instant()
    place.write(2)
    place.close_window()

    rotated = Place(place.folder, key_file=second, former_key_files=[first])
    rotated.server = place.server
    newer = rotated.take("incremental")
    assert (newer.kind, newer.parent) == ("incremental", made.id)
    assert newer.key not in (None, made.key)
    assert all(one.ok for one in verify(rotated.repository))

    lost = Place(place.folder, key_file=folder / "gone")
    lost.server = place.server
    with pytest.raises(NoKeyError):
        lost.take("full")
    for text in ("no key", "QUJD", "x" * 33):
        (folder / "gone").write_text(text)
        with pytest.raises(NoKeyError, match=r"no key of 32 bytes \(raw or base64\)"):
            lost.take("full")
    stranger = Place(place.folder, key_file=key_file(folder, "third"))
    for locked_out in (Place(place.folder), stranger):
        locked_out.server = place.server
        with pytest.raises(NoKeyError) as refused:
            locked_out.restore(at, into="never")
        assert made.key in refused.value.message
        assert "backup.former_key_files" in refused.value.hint
        with pytest.raises(NoKeyError, match=made.key):
            locked_out.repository.catalogue().get(made.id)
        with pytest.raises(NoKeyError, match=r"is not at hand"):
            asyncio.run(drill(locked_out.repository))
        told = summary(locked_out.repository)
        assert (told["backups"], set(told["locked"])) == (0, {made.id, newer.id})
        line = line_of(locked_out, "backups")
        assert made.key in line.detail
        assert ("2 locked" in line.detail, "incomplete" in line.detail) == (True, False)
        assert not line.ok
    # what is older than the first backup that can be read needs the key as well
    own = stranger.take("full")
    with pytest.raises(NoKeyError, match=made.key):
        stranger.restore(at, into="never")
    for storage in place.repository.tiers:
        storage.delete([entry.path for entry in storage.entries(f"backups/{own.id}")])
    stored = b"".join(p.read_bytes() for p in (place.data / "repository").rglob("*.zst"))
    assert b"memory 1 of" not in stored
    rotated.restore(at)
    assert state_of(place.folder / "restored", place.folder) == place.ledger.at(at)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"x" * 33, b"not base64 at all!!"])
def test_fault_36_a_file_that_holds_no_key(folder: Path, content: bytes) -> None:
    path = folder / "key"
    path.write_bytes(content)
    with pytest.raises(NoKeyError) as error:
        Keys(path).current()
    assert "urandom" in error.value.hint


def test_an_object_under_another_name_is_refused() -> None:
    """What was sealed as one object cannot be passed off as another."""
    key = Key(b"k" * 32)
    sealed = key.encrypt(b"data", "pack-1")
    assert key.decrypt(sealed, "pack-1") == b"data"
    for other, data, name in (
        (key, sealed, "pack-2"),
        (key, sealed[:-1], "pack-1"),
        (Key(b"l" * 32), sealed, "pack-1"),
        (key, b"", "pack-1"),
    ):
        with pytest.raises(DamagedError):
            other.decrypt(data, name)
