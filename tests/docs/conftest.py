"""The service that examples run against, started as the README says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serving() as service:
        yield service
