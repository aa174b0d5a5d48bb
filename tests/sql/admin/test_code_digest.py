"""memory.code_digest and store_code_digest: the digest of the newest migration, for anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core.migrate import sql_digest
from tests.sql.calls import one, value

if TYPE_CHECKING:
    from psycopg import Connection


def test_what_is_stored_last_is_told(db: Connection[Any]) -> None:
    assert one(db, "code_digest") == {"code_digest": sql_digest()}
    for digest in ("1" * 64, "2" * 64):
        one(db, "store_code_digest", digest=digest)
        assert one(db, "code_digest") == {"code_digest": digest}
    assert value(db, "select count(*) from memory_data.code_state") == 1


@pytest.mark.parametrize("role", ["memory_app", "memory_operator"])
def test_the_owner_alone_stores_it(db: Connection[Any], role: str) -> None:
    db.execute(f"set local role {role}")
    assert one(db, "code_digest") == {"code_digest": sql_digest()}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        one(db, "store_code_digest", digest="1" * 64)
