"""`magray bench compress` from end to end, small."""

from __future__ import annotations

from tests.jobs.commands import magray, rows


def test_bytes_recall_and_ways_are_printed(clone_url: str) -> None:
    more = {"MAGRAY_EMBEDDING__DIM": "384"}
    answer = rows(
        magray(
            clone_url, "bench", "compress", "--rows", "2500", "--calls", "6", "--json", more=more
        )
    )
    parts = {row["part"]: row for row in answer if "part" in row}
    whole = parts["all"]
    assert whole["compressed"] < 0.7 * whole["before"]
    # an index built on a full table is packed more tightly than one that grew
    assert whole["compressed"] < whole["back"] <= 1.05 * whole["before"]
    assert parts["index of exact search"]["compressed"] == 0
    ways = {row["way"]: row for row in answer if "way" in row}
    assert len(ways) == 4
    searches = [row for row in answer if "recall@10" in row]
    assert [row["state"] for row in searches] == ["before", "compressed", "back"] * 2
    assert {row["recall@10"] for row in searches} == {1.0}


def test_people_read_tables(clone_url: str) -> None:
    more = {"MAGRAY_EMBEDDING__DIM": "384"}
    done = magray(clone_url, "bench", "compress", "--rows", "1500", "--calls", "2", more=more)
    assert done.returncode == 0, done.stderr
    for words in ("One partition, MB", "Ways", "Searches", "recall@10"):
        assert words in done.stdout


def test_data_that_is_not_there_is_told(clone_url: str) -> None:
    done = magray(clone_url, "bench", "compress", "--data", "nowhere.json")
    assert done.returncode not in {0, 70}
    assert "nowhere.json" in done.stderr
