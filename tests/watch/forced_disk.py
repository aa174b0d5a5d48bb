"""Layers whose bytes on disk, use, pressure and fragmentation are known by how they were made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from psycopg import sql

from tests.sql.calls import call, rows, value, vector
from tests.sql.filling import KINDS, allow_small_budgets, settle
from tests.waiting import until

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

_RECORDS = 1000
_TOTAL_MB = 64


class _Wanted(NamedTuple):
    """Of a layer: pages in ten that are emptied, percent of the budget used, the level that is."""

    emptied: int
    usage: float
    level: str


_LAYERS = {
    "interact": _Wanted(0, 30.0, "low"),
    "insights": _Wanted(2, 80.0, "medium"),
    "assets": _Wanted(4, 95.0, "high"),
}
_LEVELS = ("low", "medium", "high")


def force_disk(
    db: Connection[Any], now: datetime
) -> dict[tuple[str, str], tuple[float, str | None]]:
    """Fill the layers of a committed, empty database; (kpi, scope) → (value, label).

    Records of one length fill pages evenly, and whole pages of them are deleted. What is on disk is
    what the operating system says of the files. The budgets are set for the usage wanted.
    """
    known: dict[tuple[str, str], tuple[float, str | None]] = {}
    size = free = used = 0.0
    allow_small_budgets(db)
    # a partition whose time passed since the database was made is on disk and presses no more
    call(db, "expire", now=now)
    for layer, wanted in _LAYERS.items():
        empty = _bytes(db, f"memory_data.{layer}")
        _fill(db, layer, wanted.emptied, now)
        on_disk = _bytes(db, f"memory_data.{layer}")
        taken = on_disk - empty
        held = taken * (1 - _free_share(db, layer))
        db.execute(
            "update memory_data.layer set max_bytes = %s, borrowed_bytes = 0 where name = %s",
            (round(100 * held / wanted.usage), layer),
        )
        known["size", layer] = on_disk, None
        known["usage", layer] = wanted.usage, None
        known["pressure", layer] = _LEVELS.index(wanted.level), wanted.level
        known["fragmentation", layer] = 100 * (taken - held) / on_disk, None
        known["lasting_pressure", layer] = 2 if wanted.level == "high" else 0, None
        size, free, used = size + on_disk, free + taken - held, used + held
    # used, and too seldom: it blocks whatever is judged, for nothing else was used
    call(
        db,
        "touch",
        namespace="n",
        now=now,
        ids=[value(db, "select max(id::text)::uuid from memory.records where layer = 'interact'")],
    )
    db.execute(
        "update memory_data.setting set value = %s where key = 'total_max_mb'", (str(_TOTAL_MB),)
    )
    # what blocks is read from the sample; the job may be at it
    while not call(db, "sample_kpis", now=now):
        pass
    known["size", "total"] = size, None
    known["usage", "total"] = 100 * used / (_TOTAL_MB << 20), None
    known["pressure", "total"] = 0, "low"
    known["lasting_pressure", "total"] = 0, None
    known["fragmentation", "total"] = 100 * free / size, None
    known["blocking_criterion", "interact"] = 1.0, "access_count"
    return known


def near_on_disk(kpi: str, number: float) -> Any:
    """What counts as this value: levels exactly, the others as near as they stay and are known.

    A vacuum by itself may add a page. pgstattuple_approx does not count the line pointers of rows
    deleted, and a third of a row a page is taken for the rest that no row fits into.
    """
    return number if kpi.endswith("pressure") else pytest.approx(number, rel=0.05, abs=1)


def _fill(db: Connection[Any], layer: str, emptied: int, now: datetime) -> None:
    memories = [
        {"content": f"{layer} number {1000 + place}", "kind": KINDS[layer]}
        for place in range(_RECORDS)
    ]
    # with vectors, so that nobody embeds them later
    call(
        db,
        "remember_many",
        namespace="n",
        memories=memories,
        embeddings=[vector(1, place) for place in range(_RECORDS)],
        now=now,
    )
    emptying = "delete from memory_data.{} where (ctid::text::point)[0]::bigint %% 10 < %s"
    db.execute(sql.SQL(emptying).format(sql.Identifier(layer)), (emptied,))
    until(lambda: _is_settled(db), "every page of the layers is seen by all")


def _is_settled(db: Connection[Any]) -> bool:
    """Vacuum; False while another session, such as a job that goes on, may see what was deleted.

    What a page has free is known as a vacuum notes it only of pages all see.
    """
    settle(db)
    return bool(
        value(
            db,
            "select bool_and(c.relallvisible >= c.relpages) from pg_class as c"
            " join pg_inherits as i on i.inhrelid = c.oid"
            " where c.relkind = 'r' and i.inhparent = any (array["
            "'memory_data.interact', 'memory_data.insights', 'memory_data.assets']::regclass[])",
        )
    )


def _free_share(db: Connection[Any], layer: str) -> float:
    """Share of the partition filled that holds nothing: places for records that are not taken."""
    asked = sql.SQL(
        "select count(*), max((ctid::text::point)[1]),"
        " max((ctid::text::point)[0]) + 1 from memory_data.{} group by tableoid"
    ).format(sql.Identifier(layer))
    ((records, places, pages),) = db.execute(asked).fetchall()
    return float(1 - records / (pages * places))


def _bytes(db: Connection[Any], table: str) -> int:
    """What the files of a table, its partitions, indexes and TOAST take, asked of the system."""
    root = Path(value(db, "show data_directory"))
    files = rows(
        db,
        "with tables as (select relid as oid from pg_partition_tree(%s)),"
        " heaps as (select oid from tables union select c.reltoastrelid from pg_class as c"
        " join tables as t on t.oid = c.oid where c.reltoastrelid <> 0),"
        " files as (select oid from heaps union select indexrelid from pg_index"
        " where indrelid in (select oid from heaps))"
        " select pg_relation_filepath(oid) as path from files",
        table,
    )
    paths = [root / file["path"] for file in files if file["path"]]
    return sum(
        file.stat().st_size
        for path in paths
        for file in path.parent.glob(f"{path.name}*")
        if file.name == path.name or file.name[len(path.name)] in "._"
    )
