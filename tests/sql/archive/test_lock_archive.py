"""memory.lock_archive: one session writes the archive at a time, and its lock ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import one, session
from tests.waiting import until

if TYPE_CHECKING:
    from psycopg import Connection

HAS = {"lock_archive": True}
HAS_NOT = {"lock_archive": False}


def test_one_session_has_it_until_it_ends(clone_url: str) -> None:
    with session(clone_url, "memory_operator") as other:
        with session(clone_url, "memory_operator") as first:
            assert one(first, "lock_archive") == HAS
            assert one(first, "lock_archive") == HAS
            assert one(other, "lock_archive") == HAS_NOT
            # it is the session's: the end of a transaction lets nobody in
            with first.transaction():
                first.execute("select")
            assert one(other, "lock_archive") == HAS_NOT
        # the server notices the end of a session a moment later
        until(lambda: one(other, "lock_archive") == HAS, "the lock is free")


def test_it_is_not_for_the_service(db: Connection[Any]) -> None:
    db.execute("set local role memory_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        one(db, "lock_archive")
