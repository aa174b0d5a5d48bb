"""What happens to the cluster between two links of a chain, and chains whose links do not fit."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest

from jobs.backup.catalogue import encode
from jobs.backup.crypto import Keys
from service.core.embedded import EmbeddedServer
from service.core.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.backup.catalogue import Manifest
    from tests.restore.places import Chain, Place

# four rows a page: 1.15 GB of them, cut to 1.05 GB, so that the cut lies in the second file
BIG = """
create table big with (autovacuum_enabled = off) as
select n, repeat(chr(97 + n % 26), 1900) as filling from generate_series(1, 600000) as n
"""
CUT = "delete from big where n > 550000"
DIGEST = "select count(*), sum(n::numeric * ascii(filling)), max(length(filling)) from big"
BEFORE = """
create table ghost as select n, 'before' as what from generate_series(1, 5000) as n;
create table emptied as select n from generate_series(1, 5000) as n;
create table parts (n int) partition by range (n);
create table parts_1 partition of parts for values from (0) to (10);
create table parts_2 partition of parts for values from (10) to (20);
insert into parts select n from generate_series(0, 19) as n;
"""
AFTER = """
drop table ghost;
create table ghost as select n, 'after' as what from generate_series(1, 300) as n;
truncate emptied;
insert into emptied values (7);
drop table parts_1;
"""


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_fault_32_what_changes_between_links(make_place: Callable[..., Place]) -> None:
    """Cut, dropped and made anew, truncated, a partition less, a database copied: equal dumps."""
    place = make_place()
    for statement in (BIG, *filter(str.strip, BEFORE.split(";"))):
        place.sql(statement)
    place.write(4)
    place.take("full")
    place.sql(CUT)
    assert 1 << 30 < _cut(place) < 1100 << 20
    for statement in filter(str.strip, AFTER.split(";")):
        place.sql(statement)
    place.sql("create database copied template template0 strategy file_copy")
    place.write(4)
    assert place.take("incremental").kind == "incremental"
    place.write(2)
    at = place.instant()
    wanted, digest = _dump(place.server), place.sql(DIGEST)
    place.close_window()
    place.restore(at)
    server = EmbeddedServer(place.folder / "restored", **place.options)
    server.start()
    try:
        assert _dump(server) == wanted
        assert _psql(server, DIGEST) == "|".join(str(value) for value in digest[0])
        assert _psql(server, "select count(*) from pg_database where datname = 'copied'") == "1"
    finally:
        server.stop("immediate", force=True)


def _cut(place: Place) -> int:
    """The size of the big table without its end, in bytes.

    One vacuum passes over what another holds at that moment: a page the background writer is
    writing, or rows an analyze elsewhere may still see. It cuts nothing before such a page.
    """
    for _ in range(20):
        place.sql("vacuum (truncate) big")
        size: int = place.sql("select pg_table_size('big')")[0][0]
        if size < 1100 << 20:
            break
    return size


def _dump(server: EmbeddedServer) -> list[str]:
    """Everything but the big table, which is compared by its digest; and what a restore sets."""
    leave_out = ["--exclude-table-data=big", "--exclude-table-data=memory_data.setting"]
    text = server.run("pg_dump", [*leave_out, "--restrict-key=k"]).stdout
    return text.splitlines()


def _psql(server: EmbeddedServer, statement: str) -> str:
    return server.run("psql", ["-Atc", statement]).stdout.strip()


def _rewritten(place: Place, made: Manifest, **server: object) -> None:
    """The same backup, as another server would have described it."""
    told = msgspec.structs.replace(made, server={**made.server, **server})
    place.repository.local.put(f"{made.folder}/manifest.json", encode(told, Keys()))


@pytest.mark.parametrize("version", ["18.5", "18.99"])
def test_fault_30_another_minor_version_made_the_full(
    make_place: Callable[..., Place], version: str
) -> None:
    """Older or newer: the next one is a full, and says so; the one after it builds on that."""
    place = make_place()
    _rewritten(place, place.take("full"), version=version)
    made = place.take("incremental")
    assert made.kind == "full"
    assert f"took over from {version}" in made.reason
    assert place.take("incremental").parent == made.id


def test_fault_30_a_backup_of_another_major_version(copy: Chain) -> None:
    """These programs cannot run it: refused before anything is read."""
    full = copy.repository.catalogue().get(copy.ids[0]).manifest
    told = msgspec.structs.replace(full, server={**full.server, "version": "17.6"})
    copy.repository.local.put(f"{full.folder}/manifest.json", encode(told, Keys()))
    with pytest.raises(MissingError) as error:
        copy.restore(copy.instants[0])
    assert "PostgreSQL 17.6" in error.value.message
    assert not (copy.folder / "restored").exists()


def test_fault_31_checksums_switched_between_links(make_place: Callable[..., Place]) -> None:
    place = make_place()
    place.take("full")
    place.server.stop()
    for switch in ("--disable", "--enable"):
        place.server.run("pg_checksums", [switch, f"--pgdata={place.server.pgdata}"])
        place.server.start()
        made = place.take("incremental")
        assert (made.kind, "checksums were switched" in made.reason) == ("full", True)
        place.server.stop()


def test_fault_09_a_link_left_out(copy: Chain) -> None:
    """What builds on it is out, and names it."""
    shutil.rmtree(copy.backups / copy.ids[1])
    last = copy.repository.catalogue().get(copy.ids[2])
    assert last.fault is not None
    assert copy.ids[1] in last.fault


def test_fault_09_a_link_of_another_cluster(copy: Chain, make_place: Callable[..., Place]) -> None:
    """Under the name of ours or under its own, it never becomes part of our chain."""
    place = make_place(copied=False)
    place.take("full")
    other = place.take("incremental")
    assert other.kind == "incremental"
    foreign = place.server.home / "repository" / "backups" / other.id
    ours = copy.backups / copy.ids[1]
    shutil.rmtree(ours)
    shutil.copytree(foreign, ours)
    shutil.copytree(foreign, copy.backups / other.id)
    known = copy.repository.catalogue()
    assert copy.ids[1] in known.incomplete
    assert known.get(copy.ids[2]).fault is not None
    fault = known.get(other.id).fault
    assert fault is not None
    assert str(other.parent) in fault
    system = known.get(copy.ids[0]).manifest.system
    assert system != other.system
    told = copy.restore(copy.instants[2], system=system)
    assert told.chain == copy.ids[:1]
    assert copy.state() == copy.ledger.at(copy.instants[2])
