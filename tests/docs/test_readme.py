"""The README is run: its curl lines and SQL against a service started as it says."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.core.settings import Settings
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serving() as service:
        yield service


def test_the_first_screen_names_the_two_commands() -> None:
    first = blocks("sh")[0]
    assert first.startswith("make serve ")
    assert "\nmake test " in first


def test_the_curl_lines_store_and_find(running: Running) -> None:
    stored, found = running.shell(blocks("sh")[1]).replace("}{", "}\n{").splitlines()
    assert [row["created"] for row in json.loads(stored)["memories"]] == [True, True]
    best = json.loads(found)["results"][0]
    assert best["content"] == "I moved to Lisbon in May."
    assert best["explain"]


def test_the_psql_lines_answer(running: Running) -> None:
    printed = running.shell(blocks("sh")[2])
    assert "learned_context" in printed
    assert "Вчера мы ходили в горы." in printed


def test_every_sql_statement_runs(running: Running) -> None:
    printed = [
        running.shell(f"magray psql -v ON_ERROR_STOP=1 <<'SQL'\n{statement}\nSQL")
        for statement in blocks("sql")
    ]
    assert "Deploys happen on Tuesdays." in printed[0]
    assert all(printed)


def test_the_moving_lines_name_real_options(running: Running) -> None:
    (running.folder / "memories.jsonl").write_text('{"namespace": "ann", "content": "Imported."}\n')
    running.shell("magray import memories.jsonl --format jsonl")
    running.shell("magray export --namespace ann --output ann.jsonl")
    exported = (running.folder / "ann.jsonl").read_text().splitlines()
    assert "Imported." in [json.loads(line)["content"] for line in exported]


def test_the_archive_lines_run_and_duckdb_reads_the_file(running: Running) -> None:
    (commands,) = [block for block in blocks("sh") if "magray archive run" in block]
    running.shell(
        "magray psql -c \"select from memory.remember('zoe', 'Cold.', p_kind => 'snippet')\""
    )
    running.shell(
        "magray psql -c \"update memory_data.layer set archive_after = '1 day'\""
        " -c \"select from memory.archive(p_layer => 'insights', p_now => now() + '2 days')\""
    )
    printed = running.shell(commands)
    assert "stored" in printed
    assert "ok" in printed
    (script,) = blocks("python")
    assert "snippet" in running.shell(f"python - <<'PYTHON'\n{script}PYTHON")


def test_the_toml_is_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MAGRAY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    without = Settings()
    (tmp_path / "magray.toml").write_text(blocks("toml")[0])
    assert Settings().model_dump() == without.model_dump()
