"""memory.create_key, find_key, list_keys, revoke_key: only digests, only what may be used now."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, refused

if TYPE_CHECKING:
    from psycopg import Connection


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def made(db: Connection[Any], key: str = "secret", **fields: Any) -> dict[str, Any]:
    return one(
        db,
        "create_key",
        **(
            {
                "name": "app",
                "prefix": key[:4],
                "digest": digest(key),
                "namespaces": ["n", "m"],
                "scopes": ["read", "write"],
            }
            | fields
        ),
    )


def test_a_key_is_found_by_its_digest_only(db: Connection[Any]) -> None:
    key = made(db)
    assert one(db, "find_key", digest=digest("secret")) == {
        "id": key["id"],
        "name": "app",
        "namespaces": ["n", "m"],
        "scopes": ["read", "write"],
    }
    assert call(db, "find_key", digest=digest("Secret")) == []
    assert call(db, "find_key", digest=b"secret") == []
    assert call(db, "find_key", digest=None) == []


def test_an_expired_key_is_not_found(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made(db, expires_at=now)
    assert call(db, "find_key", digest=digest("secret"), now=now) == []
    assert call(db, "find_key", digest=digest("secret"), now=now - timedelta(seconds=1))


def test_a_revoked_key_is_not_found(db: Connection[Any]) -> None:
    made(db)
    assert len(call(db, "revoke_key", prefix="secr", dry_run=True)) == 1
    assert call(db, "find_key", digest=digest("secret"))
    assert [row["name"] for row in call(db, "revoke_key", prefix="secr")] == ["app"]
    assert call(db, "find_key", digest=digest("secret")) == []
    with refused(db, "ML404", '"secr"'):
        call(db, "revoke_key", prefix="secr")


def test_the_list_holds_nothing_secret(db: Connection[Any]) -> None:
    made(db, "first key")
    made(db, "other key", name="other")
    listed = call(db, "list_keys")
    assert {row["prefix"] for row in listed} == {"firs", "othe"}
    assert all(row["revoked_at"] is None for row in listed)
    assert not any(isinstance(cell, bytes) for row in listed for cell in row.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespaces": []},
        {"namespaces": None},
        {"scopes": []},
        {"scopes": None},
        {"scopes": ["read", "fly"]},
        {"scopes": [None]},
    ],
)
def test_a_key_needs_namespaces_and_known_scopes(
    db: Connection[Any], wrong: dict[str, Any]
) -> None:
    with refused(db, "ML422", "namespaces and scopes"):
        made(db, **wrong)


def test_a_key_is_kept_as_a_sha256_only(db: Connection[Any]) -> None:
    db.execute("select")
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
        made(db, digest=b"secret itself")
    made(db)
    with pytest.raises(psycopg.errors.UniqueViolation), db.transaction():
        made(db)
