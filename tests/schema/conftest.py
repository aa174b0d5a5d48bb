"""Databases for the tests of migrations."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.conftest import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A database nothing was done to yet."""
    name = f"magray_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield database_url(server_url, name)
        connection.execute(f"drop database {name} with (force)")
