"""memory.mirror_backups and the view memory.backups: what the catalogue says, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from tests.sql.calls import rows

if TYPE_CHECKING:
    from psycopg import Connection


def backup(name: str, minute: int, **changed: Any) -> dict[str, Any]:
    at = f"2026-11-20T10:{minute:02}:00Z"
    return {
        "id": name,
        "kind": "full",
        "tier": "local",
        "parent": None,
        "chain": name,
        "reason": "",
        "system": "1",
        "timeline": 1,
        "started_at": at,
        "stopped_at": at,
        "start_lsn": "0/1",
        "stop_lsn": "0/2",
        "bytes": 10,
        "stored_bytes": 4,
        "encrypted": False,
        "fault": None,
        "verified_at": None,
        "proven_at": None,
        **changed,
    }


def mirror(
    db: Connection[Any], backups: list[dict[str, Any]], windows: list[dict[str, Any]]
) -> set[tuple[str, str]]:
    found = rows(db, "select * from memory.mirror_backups(%s, %s)", Jsonb(backups), Jsonb(windows))
    return {(row["id"], row["change"]) for row in found}


WINDOW = {
    "system": "1",
    "timeline": 1,
    "since": "2026-11-20T10:00:00Z",
    "until": "2026-11-20T11:00:00Z",
}


def test_the_tables_follow_the_catalogue(db: Connection[Any]) -> None:
    one, two = backup("a", 0), backup("b", 5, kind="incremental", parent="a", chain="a")
    assert mirror(db, [one, two], [WINDOW]) == {("a", "written"), ("b", "written")}
    assert mirror(db, [one, two], [WINDOW]) == set()
    two["fault"] = "a pack is missing"
    assert mirror(db, [one, two], [WINDOW]) == {("b", "written")}
    assert mirror(db, [two], []) == {("a", "gone")}


def test_the_view_shows_chains_windows_and_proof(db: Connection[Any]) -> None:
    proven = "2026-11-20T12:00:00Z"
    mirror(
        db,
        [
            backup("a", 0, proven_at=proven),
            backup("b", 5, kind="incremental", parent="a", chain="a"),
            backup("c", 6, fault="broken"),
        ],
        [WINDOW],
    )
    found = {row["id"]: row for row in rows(db, "select * from memory.backups")}
    assert list(found) == ["c", "b", "a"]
    assert (found["a"]["chain_links"], found["a"]["chain_bytes"]) == (2, 8)
    assert found["b"]["restorable_until"].isoformat().startswith("2026-11-20T11:00")
    assert (found["c"]["restorable"], found["c"]["restorable_since"]) == (False, None)
    assert {row["proven_until"] for row in found.values()} == {found["a"]["proven_at"]}
