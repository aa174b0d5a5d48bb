"""One service for the tests of a file, and clients whose keys may do different things."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.api.running import Running, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx2


@pytest.fixture(scope="module")
async def service(clone: Callable[[], str]) -> AsyncIterator[Running]:
    """A service on a database of this file's own; tests keep apart by their namespaces."""
    async with running(clone()) as made:
        yield made


@pytest.fixture(scope="module")
async def api(service: Running) -> httpx2.AsyncClient:
    """A client whose key may do everything in every namespace."""
    return service.client(await service.key(scopes=("read", "write", "admin")))


@pytest.fixture
def namespace() -> str:
    """A namespace nobody else uses."""
    return f"ns-{uuid.uuid4().hex}"
