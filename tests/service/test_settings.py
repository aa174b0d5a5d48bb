"""Settings: every key of the configuration, where it comes from, and how a wrong one is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from service.core.errors import ConfigError
from service.core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The file as the requirements give it, every value changed.
WHOLE = """
[memory.layers.interact]
ttl_hours = 12
max_size_mb = 256
eviction_policy = "importance_based"
promotion_threshold = 0.6

[memory.layers.insights]
ttl_days = 30
max_size_mb = 1024
eviction_policy = "lru_with_importance"
promotion_threshold = 0.8
archive_first = true
archive_after_days = 20

[memory.layers.assets]
ttl_days = 3650
max_size_mb = 4096
eviction_policy = "importance_based"
archive_after_days = 365

[memory.performance]
hnsw_m = 24
hnsw_ef_construction = 300
hnsw_ef_search = 150
embedding_cache_size = 5000
query_cache_ttl_minutes = 15
batch_size = 64
batch_timeout_ms = 50

[memory.pressure]
pressure_medium_percent = 60
pressure_high_percent = 80
pressure_hysteresis_percent = 10
borrow_percent = 50
borrow_limit_percent = 20
archive_percent = 70
total_max_mb = 4096
compress_cold_hours = 48
compress_used_percent = 1
compress_rerank = 400

[memory.access]
analyst_sees_content = false
"""

NO_ARCHIVE = {"archive_first": False, "archive_after": None}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty directory and no variable of ours."""
    for name in list(os.environ):
        if name.startswith("MAGRAY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], None]:
    def to_file(text: str) -> None:
        (tmp_path / "magray.toml").write_text(text)

    return to_file


def test_the_defaults_are_those_of_the_requirements() -> None:
    settings = load_settings()
    policy = settings.policy()
    assert policy["layers"] == {
        "interact": {
            "ttl": "86400 seconds",
            "max_bytes": 512 << 20,
            "eviction_policy": "lru_with_importance",
            "promotion_threshold": 0.7,
            **NO_ARCHIVE,
        },
        "insights": {
            "ttl": "7776000 seconds",
            "max_bytes": 2048 << 20,
            "eviction_policy": "importance_based",
            "promotion_threshold": 0.9,
            **NO_ARCHIVE,
        },
        "assets": {
            "ttl": None,
            "max_bytes": 8192 << 20,
            "eviction_policy": "manual",
            "promotion_threshold": None,
            **NO_ARCHIVE,
        },
    }
    assert policy["settings"] == {
        "alert_channels": ["log"],
        "hnsw_m": 16,
        "hnsw_ef_construction": 200,
        "hnsw_ef_search": 100,
        "embedding_cache_size": 10_000,
        "query_cache_ttl_minutes": 30,
        "batch_size": 32,
        "batch_timeout_ms": 100,
        "pressure_medium_percent": 75,
        "pressure_high_percent": 90,
        "pressure_hysteresis_percent": 5,
        "borrow_percent": 60,
        "borrow_limit_percent": 100,
        "archive_percent": 85,
        "total_max_mb": None,
        "compress_cold_hours": 24,
        "compress_used_percent": 5,
        "compress_rerank": 300,
        "analyst_sees_content": True,
    }
    assert (settings.host, settings.port, str(settings.data_dir)) == ("127.0.0.1", 8080, ".magray")
    assert settings.database_url is None


def test_every_key_of_the_file_is_read(write: Callable[[str], None]) -> None:
    write(WHOLE)
    policy = load_settings().policy()
    assert policy["layers"] == {
        "interact": {
            "ttl": "43200 seconds",
            "max_bytes": 256 << 20,
            "eviction_policy": "importance_based",
            "promotion_threshold": 0.6,
            **NO_ARCHIVE,
        },
        "insights": {
            "ttl": "2592000 seconds",
            "max_bytes": 1024 << 20,
            "eviction_policy": "lru_with_importance",
            "promotion_threshold": 0.8,
            "archive_first": True,
            "archive_after": "1728000 seconds",
        },
        "assets": {
            "ttl": "315360000 seconds",
            "max_bytes": 4096 << 20,
            "eviction_policy": "importance_based",
            "promotion_threshold": None,
            "archive_first": False,
            "archive_after": "31536000 seconds",
        },
    }
    assert policy["settings"] == {
        "alert_channels": ["log"],
        "hnsw_m": 24,
        "hnsw_ef_construction": 300,
        "hnsw_ef_search": 150,
        "embedding_cache_size": 5000,
        "query_cache_ttl_minutes": 15,
        "batch_size": 64,
        "batch_timeout_ms": 50,
        "pressure_medium_percent": 60,
        "pressure_high_percent": 80,
        "pressure_hysteresis_percent": 10,
        "borrow_percent": 50,
        "borrow_limit_percent": 20,
        "archive_percent": 70,
        "total_max_mb": 4096,
        "compress_cold_hours": 48,
        "compress_used_percent": 1,
        "compress_rerank": 400,
        "analyst_sees_content": False,
    }


def test_the_archive_lies_beside_the_data_directory_unless_it_is_named(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    assert load_settings().archive_url == (tmp_path / ".magray-archive").as_uri()
    assert (
        load_settings(data_dir=tmp_path / "data").archive_url
        == (tmp_path / "data-archive").as_uri()
    )
    write('[archive]\nurl = "s3://bucket/memories"\n')
    assert load_settings().archive_url == "s3://bucket/memories"


def test_a_memory_is_archived_before_it_expires(write: Callable[[str], None]) -> None:
    write("[memory.layers.insights]\narchive_after_days = 89.9\n")
    policy = load_settings().policy()
    assert policy["layers"]["insights"]["archive_after"] == "7767360 seconds"


def test_a_lifetime_may_be_given_in_the_other_unit(write: Callable[[str], None]) -> None:
    write("[memory.layers.interact]\nttl_days = 2\n[memory.layers.insights]\nttl_hours = 36\n")
    layers = load_settings().policy()["layers"]
    assert layers["interact"]["ttl"] == "172800 seconds"
    assert layers["insights"]["ttl"] == "129600 seconds"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[memory.layers.attic]\nttl_hours = 1", ["layers.attic", "assets, insights, interact"]),
        ("[memory.layers.interact]\nttl = 1", ["memory.layers.interact.ttl:", "ttl_hours"]),
        ("[memory.performance]\nhnsw = 1", ["memory.performance.hnsw:", "hnsw_ef_search"]),
        ("[memory]\nlayer = 1", ["memory.layer:", "layers, performance"]),
        ("[embedding]\nmodle = 'x'", ["embedding.modle:", "model"]),
        ("prot = 1", ["prot:", "port"]),
        ("[memory.layers.interact]\nttl_hours = -1", ["interact.ttl_hours", "-1", "0"]),
        ("[memory.layers.interact]\nttl_hours = 1\nttl_days = 1", ["ttl_hours or ttl_days"]),
        ("[memory.layers.interact]\nttl_hours = 0", ["interact needs a ttl"]),
        ("[memory.layers.interact]\nttl_hours = 0.0001", ["a second"]),
        ("[memory.layers.interact]\nttl_hours = inf", ["ttl_hours"]),
        ("[memory.layers.insights]\nttl_days = 1e9", ["ttl_days", "36525"]),
        ("[memory.pressure]\npressure_hysteresis_percent = 63", ["5/6", "empty the layer"]),
        ("[memory.pressure]\npressure_high_percent = 70", ["pressure_medium_percent"]),
        ("[memory.layers.insights]\nttl_days = 0", ["insights needs a ttl"]),
        ("[memory.layers.interact]\nmax_size_mb = 0", ["max_size_mb", "greater than 0"]),
        ("[memory.layers.interact]\nmax_size_mb = 'big'", ["max_size_mb", "integer", "big"]),
        (
            "[memory.layers.interact]\neviction_policy = 'fifo'",
            ["eviction_policy", "lru_with_importance", "manual", "fifo"],
        ),
        ("[memory.layers.interact]\npromotion_threshold = 1.5", ["promotion_threshold", "1.5"]),
        ("[memory.performance]\nhnsw_m = 101", ["hnsw_m", "100", "101"]),
        ("[memory.performance]\nhnsw_ef_construction = 3", ["hnsw_ef_construction", "4"]),
        ("[memory.performance]\nhnsw_ef_search = 0", ["hnsw_ef_search", "1"]),
        ("[memory.performance]\nembedding_cache_size = -1", ["embedding_cache_size"]),
        ("[memory.performance]\nquery_cache_ttl_minutes = -1", ["query_cache_ttl_minutes"]),
        ("[memory.performance]\nbatch_size = 0", ["batch_size"]),
        ("[memory.performance]\nbatch_timeout_ms = -1", ["batch_timeout_ms"]),
        ("[embedding]\nprovider = 'magic'", ["embedding.provider", "'minilm'", "'none'", "magic"]),
        ("[memory.layers.insights]\narchive_after_days = 90", ["archive_after_days", "ttl"]),
        ("[memory.layers.assets]\narchive_after_days = 0", ["archive_after_days", "0.01"]),
        ("[memory.layers.assets]\narchive_first = 'maybe'", ["archive_first", "maybe"]),
        ("[archive]\nurl = 1", ["archive.url", "string"]),
        ("[archive]\nfile_rows = 0", ["archive.file_rows", "1"]),
        ("[archive]\nfolder = 'x'", ["archive.folder", "file_mb, file_rows, url"]),
        ("port = 70000", ["port", "65535"]),
        ("log_level = 'loud'", ["log_level", "'debug'"]),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(
    write: Callable[[str], None], text: str, told: list[str]
) -> None:
    write(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    for part in told:
        assert part in caught.value.detail, caught.value.detail
    assert "magray.toml" in caught.value.hint


def test_all_faults_are_told_at_once(write: Callable[[str], None]) -> None:
    write("prot = 1\n[memory.performance]\nhnsw_m = 1\nbatch_size = 0\n")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert len(caught.value.detail.splitlines()) == 3


@pytest.mark.parametrize("text", ["[memory", "a = ", b"\xff"])
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "magray.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_settings()


def test_flags_win_over_the_environment_and_that_over_the_file(
    write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("port = 1\nhost = 'file'\n[memory.performance]\nhnsw_m = 20\nbatch_size = 8\n")
    assert load_settings().port == 1
    monkeypatch.setenv("MAGRAY_PORT", "2")
    monkeypatch.setenv("MAGRAY_MEMORY__PERFORMANCE__HNSW_M", "30")
    settings = load_settings(data_dir=None)
    assert (settings.port, settings.host) == (2, "file")
    # the rest of the table stays
    assert settings.memory.performance.hnsw_m == 30
    assert settings.memory.performance.batch_size == 8
    assert load_settings(port=3).port == 3


def test_the_file_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text("port = 5")
    monkeypatch.setenv("MAGRAY_CONFIG", str(other))
    assert load_settings().port == 5
    monkeypatch.setenv("MAGRAY_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAGRAY_PORT", "many"),
        ("MAGRAY_EMBEDDING__PROVIDER", "magic"),
        ("MAGRAY_EMBEDDING__COLOUR", "red"),
        ("MAGRAY_MEMORY__PERFORMANCE__BATCH_SIZE", "0"),
        ("MAGRAY_MEMORY", "{"),
        ("MAGRAY_CORS_ORIGINS", "https://app.example.org"),
        ("MAGRAY_CORS_ORIGINS", '["https://app.example.org/"]'),
        ("MAGRAY_CORS_ORIGINS", '["app.example.org"]'),
    ],
)
def test_a_wrong_variable_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert name.rsplit("__", 1)[-1].removeprefix("MAGRAY_").lower() in str(caught.value).lower()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGRAY_API_KEY", "magray_secret")
    monkeypatch.setenv("MAGRAY_DATABASE_URL", "postgresql://u:hidden@h/d")
    settings: Any = load_settings()
    assert "magray_secret" not in repr(settings)
    assert "hidden" not in repr(settings)
