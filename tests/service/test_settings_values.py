"""Settings that have a form: refused in a sentence when they have another, secrets never told."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.errors import ConfigError
from service.core.settings import load_settings

SECRET = "s3cr3t"  # noqa: S105


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without magray.toml."""
    monkeypatch.chdir(tmp_path)


def refusal(**flags: object) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load_settings(**flags)
    return refused.value


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://ann:{SECRET}@db/memory", "mysql:// names no PostgreSQL"),
        (f"sqlite:///{SECRET}", "sqlite:// names no PostgreSQL"),
        (f"postgresql+asyncpg://ann:{SECRET}@db/memory", "without +asyncpg"),
        (f"postgres+psycopg2://ann:{SECRET}@db/memory", "without +psycopg2"),
        (f"postgresql://ann:a {SECRET}@db/memory", "no URL of a PostgreSQL"),
        (f"postgresql://ann:{SECRET}@[::1/memory", "no URL of a PostgreSQL"),
        (f"postgresql://ann:%ZZ{SECRET}@db/memory", "no URL of a PostgreSQL"),
        (SECRET, "no URL of a PostgreSQL"),
        (f"host=db pasword={SECRET}", "no URL of a PostgreSQL"),
    ],
)
def test_what_is_no_url_of_a_postgresql_is_refused_without_repeating_it(
    url: str, said: str
) -> None:
    error = refusal(database_url=url)
    assert said in error.detail
    assert "postgresql://" in error.detail
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:p%40w@db:5432/memory?sslmode=require",
        "postgres://db/memory",
        "host=/run/postgresql dbname=memory",
        "postgresql:///memory?host=/run/postgresql",
        " postgresql://db/memory\n",
    ],
)
def test_every_form_libpq_knows_is_taken(url: str) -> None:
    taken = load_settings(database_url=url).database_url
    assert taken is not None
    assert taken.get_secret_value() == url.strip()


@pytest.mark.parametrize("given", ["::1", "[::1]", " ::1 "])
def test_an_ipv6_address_may_have_its_brackets(given: str) -> None:
    assert load_settings(host=given).host == "::1"


@pytest.mark.parametrize("given", ["127.0.0.1:8080", " ", "a b", "http://localhost", "ann@host"])
def test_what_is_no_host_is_refused(given: str) -> None:
    assert "host" in refusal(host=given).detail


def test_a_path_may_begin_with_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("MAGRAY_DATA_DIR", "~/memory")
    monkeypatch.setenv("MAGRAY_BACKUP__FORMER_KEY_FILES", '["~/old"]')
    settings = load_settings()
    assert settings.data_dir == Path("/home/ann/memory")
    assert settings.backup.former_key_files == [Path("/home/ann/old")]


def test_the_home_of_nobody_is_refused() -> None:
    assert "~nobody-here" in refusal(data_dir="~nobody-here/x").detail


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "HOST", "PORT", "DATA_DIR", "API_KEY"):
        monkeypatch.setenv(f"MAGRAY_{name}", "")
    settings = load_settings()
    assert (settings.database_url, settings.host, settings.port) == (None, "127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("MAGRAY_ALERTS__WEBHOOK_URL", "https://x/y"),
        ("MAGRAY_OTLP_ENDPOINT", "http://x:1/y"),
        ("MAGRAY_CORS_ORIGINS", '["https://x"]'),
    ],
)
def test_a_last_line_break_is_no_end(monkeypatch: pytest.MonkeyPatch, name: str, fine: str) -> None:
    monkeypatch.setenv(name, fine)
    load_settings()
    monkeypatch.setenv(name, fine.replace('"]', '\\n"]') if "]" in fine else f"{fine}\n")
    refusal()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("MAGRAY_ALERTS__CHANNELS", "log,webhook", """='["log", "webhook"]'"""),
        ("MAGRAY_ALERTS__CHANNELS", "[log]", """='["log"]'"""),
        ("MAGRAY_CORS_ORIGINS", "https://a.example", """='["https://a.example"]'"""),
        ("MAGRAY_BACKUP__FORMER_KEY_FILES", "/k/1; /k/2", """='["/k/1", "/k/2"]'"""),
        ("MAGRAY_ALERTS", f"log {SECRET}", "__KEY=value, for each key of its own"),
    ],
)
def test_a_variable_without_its_json_is_named_with_it(
    name: str, value: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    told = refusal()
    assert told.message.startswith(f"the variable {name} holds no JSON")
    assert told.hint == name + hint
    assert SECRET not in str(told)
