"""The real Prometheus scrapes a service, loads the rules and answers what the dashboard asks."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving import serving
from tests.waiting import until
from tests.watch.test_deploy import DEPLOY, GRAFANA, RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="prometheus is not installed: apt-get install prometheus",
    ),
]
AWAY = (urllib.error.URLError,)


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Prometheus with the configuration of `deploy`, its target a service of the test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}/api/v1"

    def asked(path: str, **query: str) -> Any:
        url = f"{base}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    with serving() as service:
        config = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        config = config.replace("127.0.0.1:8080", service.base.removeprefix("http://"))
        (tmp_path / "prometheus.yml").write_text(config.replace("15s", "1s"))
        shutil.copy(RULES, tmp_path)
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield asked
        finally:
            process.terminate()
            process.wait(30)


def test_it_scrapes_and_answers(ask: Callable[..., Any]) -> None:
    until(
        lambda: [one["health"] for one in ask("targets")["activeTargets"]] == ["up"],
        "the service is scraped",
        passing=AWAY,
    )
    until(lambda: ask("query", query="magray_kpi_usage")["result"], "KPIs are there")
    scopes = {one["metric"]["scope"] for one in ask("query", query="magray_kpi_usage")["result"]}
    assert {"interact", "insights", "assets"} <= scopes
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(re.findall(r"^ +- alert:", RULES.read_text(), re.MULTILINE))
    until(
        lambda: all(
            rule["health"] == "ok" for group in ask("rules")["groups"] for rule in group["rules"]
        ),
        "every rule was evaluated",
    )
    panels = json.loads(GRAFANA.read_text())["panels"]
    for expression in [target["expr"] for panel in panels for target in panel["targets"]]:
        ask("query", query=expression.replace("$__rate_interval", "1m"))
