"""A small cluster with a chain of backups, made once a session, and copies of it to damage.

Everything lies in memory where the machine has it: a cluster is two thousand small files.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.memory_disk import fast_place
from tests.restore.places import Place, make_chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.restore.places import Chain


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory every user can enter, of this session's own."""
    made = Path(tempfile.mkdtemp(prefix="magray-restore-", dir=fast_place()))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def folder(scratch: Path) -> Iterator[Path]:
    """A directory of this test's own."""
    made = Path(tempfile.mkdtemp(dir=scratch))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def fresh(scratch: Path) -> Place:
    """A migrated cluster that was stopped in order and is copied from then on, never started."""
    place = Place(scratch / "fresh")
    try:
        place.start()
        place.server.stop("fast", force=True)
    finally:
        place.end()
    return place


@pytest.fixture(scope="session")
def chain(scratch: Path, fresh: Place) -> Chain:
    """A full and two incrementals, writes around each, and the server stopped: never changed."""
    return make_chain(scratch / "chain", fresh)


@pytest.fixture
def copy(chain: Chain, folder: Path) -> Chain:
    """The same repository and WAL, to be damaged."""
    return chain.copy(folder / "copy")


@pytest.fixture
def make_place(folder: Path, fresh: Place) -> Iterator[Callable[..., Place]]:
    """A function that starts a migrated cluster of this test's own.

    It is a copy with the system identifier all copies have, unless `copied` is False.
    """
    made: list[Place] = []

    def make(name: str = "live", *, copied: bool = True, **options: object) -> Place:
        place = Place(folder / name, **options)  # type: ignore[arg-type]
        made.append(place)
        place.start(fresh if copied else None)
        return place

    yield make
    for place in made:
        place.end()
