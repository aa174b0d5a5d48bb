"""`magray bench expire` from end to end, small."""

from __future__ import annotations

import pytest

from tests.jobs.commands import magray, rows


@pytest.mark.parametrize("flags", [(), ("--vectors",)])
def test_all_is_reclaimed_once_the_long_reader_is_gone(
    clone_url: str, flags: tuple[str, ...]
) -> None:
    done = magray(
        clone_url, "bench", "expire", "--records", "3000", "--namespaces", "20", "--json", *flags
    )
    idle, held, free, plain = rows(done)
    assert (idle["records"], held["records"], free["records"]) == (0, 0, 3000)
    assert held["partitions"] == 0
    assert plain["seconds"] > 0
    assert idle["gone"] is held["gone"] is None
    assert 0 < free["gone"] <= free["seconds"] + 0.5
    assert free["freeing"] > 0
    assert 3 <= free["partitions"] <= 4
    # not a row of it is copied: a DELETE would write more than its bytes
    assert 0 < free["wal"] < 1_000_000
    assert all(one["watch"]["calls"] > 0 for one in (idle, held, free))


def test_it_is_shown_as_a_table(clone_url: str) -> None:
    done = magray(clone_url, "bench", "expire", "--records", "100", "--namespaces", "2")
    assert done.returncode == 0, done.stderr
    for word in ("long reader open", "a plain table of", "no long reader", "longest read", " MB"):
        assert word in done.stdout
