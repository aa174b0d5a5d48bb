"""The README is run: its curl lines and SQL against a service started as it says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


class Running:
    """A service of the test's own, and a shell in its working directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("MAGRAY_")},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "MAGRAY_PORT": "0",
        }
        self.log = folder / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BIN / "magray", "serve"], cwd=folder, env=self.environment, stdout=log, stderr=log
            )
        self.base = self._wait()

    def _wait(self) -> str:
        for _ in range(600):
            found = re.search(r"serves on (http://\S+),", self.log.read_text())
            if found:
                try:
                    urllib.request.urlopen(found[1] + "/health/ready", timeout=5).close()  # noqa: S310
                except urllib.error.URLError:
                    pass
                else:
                    return found[1]
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def shell(self, script: str) -> str:
        """What a block prints; any command that fails fails the test."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8080", self.base)],
            cwd=self.folder, env=self.environment, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="magray-readme-") as name:
        Path(name).chmod(0o755)
        service = Running(Path(name))
        yield service
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) == 0, service.log.read_text()


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
