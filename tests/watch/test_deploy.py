"""What is handed to Prometheus and Grafana loads there, and asks for metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import rows

if TYPE_CHECKING:
    from psycopg import Connection

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
GRAFANA = DEPLOY / "grafana" / "magray.json"
# Of the service itself; the others are KPIs.
OWN = {"magray_search_seconds_bucket", "magray_search_seconds_count", "magray_kpis_known"}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return found


@pytest.mark.parametrize(
    "check", [("rules", RULES), ("config", DEPLOY / "prometheus" / "prometheus.yml")]
)
def test_prometheus_takes_them(promtool: str, check: tuple[str, Path]) -> None:
    what, file = check
    done = subprocess.run(
        [promtool, "check", what, file], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", [RULES, GRAFANA])
def test_every_metric_exists(db: Connection[Any], file: Path) -> None:
    asked = set(re.findall(r"\bmagray_\w+", file.read_text())) - OWN
    known = {f"magray_kpi_{row['kpi']}" for row in rows(db, "select kpi from memory.kpi_catalogue")}
    assert asked - known == set()


def test_every_rule_of_ours_is_one_of_theirs(db: Connection[Any]) -> None:
    """The same KPI and threshold."""
    text = RULES.read_text()
    for rule in rows(db, "select * from memory_data.alert_rule"):
        sign = ">" if rule["above"] else "<"
        if rule["kpi"] == "search_latency":  # ms here, seconds there
            assert f"{sign} {rule['threshold'] / 1000:g}\n" in text
            continue
        wanted = (
            rf"magray_kpi_{rule['kpi']}\S* {sign} {rule['threshold']:.0f}\n"
            if rule["threshold"] >= 2
            else rf"magray_kpi_{rule['kpi']}\S* {sign} {rule['threshold']:g}\n"
        )
        assert re.search(wanted, text), rule["name"]
    for row in rows(db, "select * from memory.kpi_catalogue where counted is not null"):
        least = f"and magray_kpi_{row['counted']} >= {row['at_least']}\n"
        assert re.search(rf"magray_kpi_{row['kpi']}\S* .*\n +{least}", text), row["kpi"]


def test_the_dashboard_of_grafana_is_whole() -> None:
    dashboard = json.loads(GRAFANA.read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
