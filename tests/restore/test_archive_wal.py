"""The program behind archive_command, by itself."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.backup import archive_wal
from jobs.backup.archive_wal import (
    DAMAGED,
    DISK,
    DUPLICATE,
    FOREIGN,
    USAGE,
    main,
    pack,
    unpack,
)

SIZE = 1 << 20
SYSTEM = 7712329637891547138
NAME = "000000010000000000000003"


def segment(*, system: int = SYSTEM, number: int = 3, timeline: int = 1, size: int = SIZE) -> bytes:
    head = struct.pack("<HHIQI4xQII", 0xD118, 2, timeline, number * size, 0, system, size, 8192)
    return head.ljust(size, b"x")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = tmp_path / "archive" / str(SYSTEM)
    made.mkdir(parents=True)
    return made


def call(archive: Path, data: bytes, name: str = NAME, owner: str = "me") -> int:
    source = archive.parent.parent / "source"
    source.write_bytes(data)
    return main([str(source), name, str(archive), "--owner", owner])


def test_it_stores_and_stores_again(archive: Path) -> None:
    assert call(archive, segment()) == 0
    assert call(archive, segment()) == 0
    stored = archive / "00000001" / f"{NAME}.z"
    assert unpack(stored.read_bytes()) == segment()
    assert sorted(path.name for path in stored.parent.iterdir()) == [stored.name, "OWNER"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (segment(system=1), FOREIGN),
        (segment(number=4), DAMAGED),
        (segment(timeline=2), DAMAGED),
        (segment()[:-1], DAMAGED),
        (b"", DAMAGED),
        (bytes(SIZE), DAMAGED),
    ],
)
def test_what_is_not_that_segment_is_refused(archive: Path, data: bytes, code: int) -> None:
    assert call(archive, data) == code
    assert not (archive / "00000001").exists()


def test_other_bytes_under_a_stored_name_are_refused(archive: Path) -> None:
    assert call(archive, segment()) == 0
    assert call(archive, segment()[:-1] + b"y") == DUPLICATE
    assert unpack((archive / "00000001" / f"{NAME}.z").read_bytes()) == segment()


def test_another_cluster_is_refused(archive: Path) -> None:
    assert call(archive, segment()) == 0
    assert call(archive, segment(number=4), "000000010000000000000004", owner="clone") == FOREIGN
    other = segment(number=4, timeline=2)
    assert call(archive, other, "000000020000000000000004", owner="clone") == 0


@pytest.mark.parametrize("name", ["../../etc/passwd", "00000001", "x" * 24, NAME + ".tmp", ""])
def test_other_names_are_refused(archive: Path, name: str) -> None:
    assert call(archive, segment(), name) == USAGE


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("00000002.history", "00000002.history.z"),
        (f"{NAME}.00000028.backup", f"00000001/{NAME}.00000028.backup.z"),
    ],
)
def test_histories_and_labels_are_stored_too(archive: Path, name: str, place: str) -> None:
    assert call(archive, b"1\t0/3000000\tno recovery target specified\n", name) == 0
    assert (archive / place).is_file()


def test_a_disk_that_refuses(archive: Path) -> None:
    (archive / "00000001").write_text("no directory")
    assert call(archive, segment()) == DISK


def test_no_code_makes_postgresql_restart_its_archiver() -> None:
    assert max(DAMAGED, DUPLICATE, FOREIGN, USAGE, DISK) <= 125


@pytest.mark.parametrize("codec", ["zstd", "zlib"])
def test_every_flipped_bit_is_noticed(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if codec == "zlib":
        monkeypatch.setattr(archive_wal, "zstd", None)
    stored = pack(b"some bytes of WAL " * 3)
    assert unpack(stored) == b"some bytes of WAL " * 3
    for place in range(len(stored)):
        for bit in range(8):
            broken = bytearray(stored)
            broken[place] ^= 1 << bit
            with pytest.raises(ValueError):  # noqa: PT011
                unpack(bytes(broken))


def test_it_starts_without_this_project(archive: Path) -> None:
    """Alone, isolated, with the standard library: as the server's user runs it."""
    program = archive.parent.parent / "archive_wal.py"
    program.write_bytes(Path(str(archive_wal.__file__)).read_bytes())
    source = archive.parent.parent / "source"
    source.write_bytes(segment())
    done = subprocess.run(
        [sys.executable, "-I", "-S", program, source, NAME, archive, "--owner", "me"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert unpack((archive / "00000001" / f"{NAME}.z").read_bytes()) == segment()
