"""The examples of docs/ are run, against a service started as the README says.

Those of a page that needs more (backups, Docker) are run by the tests that have it: `ELSEWHERE`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from service.core.settings import Settings
from tests.docs.pages import GUIDES, README, ROOT, blocks, languages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving import Running

# Words of the blocks `sh` run here, one test a block.
HERE = {
    "docs/using.md": ("magray import memories.jsonl",),
    "docs/api.md": ("magray keys create",),
    "docs/sql.md": ("magray logins create",),
    "docs/lifecycle.md": ("magray archive run", "magray train --dry-run"),
}
# Page, words of blocks `sh` → the test that runs them, or the same commands.
ELSEWHERE = {
    (README, ""): "tests/docs/test_readme.py",
    ("docs/backup.md", ""): "tests/docs/test_backup.py",
    ("docs/containers.md", ""): "tests/compose/test_compose.py",
    ("docs/sql.md", "MAGRAY_POSTGRES_PORT"): "tests/cli/test_commands.py",
}
SQL_PAGES = [page for page in GUIDES if "sql" in languages(page)]
SAMPLES = {
    "conversations.json": [
        {
            "sample_id": "conv-1",
            "conversation": {
                "speaker_a": "Ann",
                "speaker_b": "Bob",
                "session_1_date_time": "1:56 pm on 8 May, 2023",
                "session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "Talked."}],
            },
        }
    ],
    "export.json": {"results": [{"id": "1", "memory": "Likes tea.", "user_id": "ann"}]},
    "memories.jsonl": {"namespace": "ann", "content": "Imported."},
}


def block(page: str, words: str) -> str:
    """The one block `sh` of a page that has these words."""
    (found,) = [one for one in blocks(page, "sh") if words in one]
    return found


def test_every_block_is_run_by_some_test() -> None:
    for page in GUIDES:
        assert languages(page) <= {"sh", "sql", "toml", "python", "json", "text", "mermaid"}, page
        for one in blocks(page, "sh"):
            here = [words for words in HERE.get(page, ()) if words in one]
            there = [test for (at, words), test in ELSEWHERE.items() if at == page and words in one]
            assert len(here) + len(there) == 1, (page, one)
    for (_, words), test in ELSEWHERE.items():
        assert words in (ROOT / test).read_text()
    assert [page for page in GUIDES if "toml" in languages(page)] == [
        "docs/backup.md",
        "docs/operating.md",
    ]
    assert [page for page in GUIDES if "python" in languages(page)] == ["docs/lifecycle.md"]
    assert [page for page in GUIDES if "json" in languages(page)] == [README]


@pytest.mark.parametrize("page", SQL_PAGES)
def test_every_sql_statement_runs(running: Running, page: str) -> None:
    for statements in blocks(page, "sql"):
        printed = running.shell(f"magray psql -v ON_ERROR_STOP=1 <<'SQL'\n{statements}\nSQL")
        assert printed
        if "memory.remember(" in statements:
            assert "Deploys happen on Tuesdays." in printed


def test_the_moving_lines_run(running: Running) -> None:
    for name, sample in SAMPLES.items():
        (running.folder / name).write_text(json.dumps(sample))
    running.shell(block("docs/using.md", "magray import memories.jsonl"))
    exported = (running.folder / "ann.jsonl").read_text().splitlines()
    assert {"Imported.", "Likes tea."} <= {json.loads(line)["content"] for line in exported}


def test_a_key_is_made(running: Running) -> None:
    assert "magray_" in running.shell(block("docs/api.md", "magray keys create"))


def test_a_login_is_made_and_revoked(running: Running) -> None:
    printed = running.shell(block("docs/sql.md", "magray logins create"))
    assert printed.count("julia") >= 2
    assert "julia" not in running.shell("magray logins list --json")


def test_the_archive_lines_run_and_duckdb_reads_the_file(running: Running) -> None:
    running.shell(
        "magray psql -c \"select from memory.remember('zoe', 'Cold.', p_kind => 'snippet')\""
    )
    running.shell(
        "magray psql -c \"update memory_data.layer set archive_after = '1 day'\""
        " -c \"select from memory.archive(p_layer => 'insights', p_now => now() + '2 days')\""
    )
    printed = running.shell(block("docs/lifecycle.md", "magray archive run"))
    assert "stored" in printed
    assert "ok" in printed
    (script,) = blocks("docs/lifecycle.md", "python")
    assert "snippet" in running.shell(f"python - <<'PYTHON'\n{script}PYTHON")


def test_the_training_lines_run(running: Running) -> None:
    """A newcomer has too little to learn from: 65, as the page says."""
    learn, schedule = block("docs/lifecycle.md", "magray train --dry-run").split(
        "magray train --schedule"
    )
    for line in learn.splitlines():
        command = line.partition("#")[0]
        assert running.shell(f"{command} || echo ended $?").endswith("ended 65\n")
    assert "fixed_weighting_auc" in running.shell("magray train --schedule" + schedule)
    enabled = "select bool_and(enabled) from memory.jobs where name in ('train', 'score')"
    assert running.shell(f'magray psql -Atc "{enabled}"') == "t\n"
    running.shell("magray train --schedule off")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a magray.toml that nothing else adds to."""
    for name in list(os.environ):
        if name.startswith("MAGRAY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "magray.toml"


def test_the_toml_is_the_defaults(settings: Path) -> None:
    without = Settings()
    settings.write_text(blocks("docs/operating.md", "toml")[0])
    assert Settings().model_dump() == without.model_dump()


def test_the_toml_of_alerts_is_read(settings: Path) -> None:
    settings.write_text(blocks("docs/operating.md", "toml")[1])
    alerts = Settings().alerts
    assert list(alerts.channels) == ["log", "webhook", "smtp"]
    assert list(alerts.mail_to) == ["ops@example.org"]
