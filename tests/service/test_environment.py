"""Variables `MAGRAY_*`: one that means nothing is refused by name, with the nearest that does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from service.core.environment import refuse_unknown
from service.core.errors import ConfigError
from service.core.settings import Settings

ROOT = Path(__file__).parents[2]


def refused(name: str, value: str = "1") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        refuse_unknown({"PATH": "/bin", name: value}, Settings)
    return caught.value


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAGRAY_PROT", "MAGRAY_PORT"),
        ("magray_prot", "MAGRAY_PORT"),
        ("Magray_Data_Dri", "MAGRAY_DATA_DIR"),
        ("MAGRAY_DATABASEURL", "MAGRAY_DATABASE_URL"),
        ("MAGRAY_CONFG", "MAGRAY_CONFIG"),
        ("MAGRAY_PROVIDER", "MAGRAY_EMBEDDING__PROVIDER"),
        ("MAGRAY_EMBEDDING_PROVIDER", "MAGRAY_EMBEDDING__PROVIDER"),
        ("MAGRAY_EMBEDING__PROVIDER", "MAGRAY_EMBEDDING__PROVIDER"),
        ("MAGRAY_EMBEDDING__PROVDER", "MAGRAY_EMBEDDING__PROVIDER"),
        ("MAGRAY_MEMORY__LAYERS__INTERACT__TTL_HOUR", "MAGRAY_MEMORY__LAYERS__INTERACT__TTL_HOURS"),
        ("MAGRAY_MEMORY__LAYER__ASSETS__TTL_DAYS", "MAGRAY_MEMORY__LAYERS__ASSETS__TTL_DAYS"),
        ("MAGRAY_BACKUP__CLOUD_OPTION__REGION", "MAGRAY_BACKUP__CLOUD_OPTIONS__REGION"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_one(name: str, meant: str) -> None:
    error = refused(name)
    assert name in error.message
    assert meant in error.detail
    assert meant in error.hint
    assert error.exit_code == 78


@pytest.mark.parametrize(
    "name",
    [
        "MAGRAY_XYZZY",
        "MAGRAY_X__Y",
        "MAGRAY_",
        "MAGRAY_EMBEDDING__",
        "MAGRAY_EMBEDDING__COLOUR",
        "MAGRAY_PORT__X",
        "MAGRAY_PORT_",
        "MAGRAY__PORT",
        "MAGRAY_SERVICE",
    ],
)
def test_one_that_is_like_no_other_is_refused_too(name: str) -> None:
    error = refused(name)
    assert name in error.message
    assert "known here" in error.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAGRAY_PORT", "1"),
        ("magray_port", "1"),
        ("MAGRAY_API_KEY", "magray_x"),
        ("MAGRAY_CONFIG", "x.toml"),
        ("MAGRAY_EMBEDDING", "{}"),
        ("MAGRAY_MEMORY__LAYERS__ASSETS__TTL_DAYS", "0"),
        ("MAGRAY_BACKUP__CLOUD_OPTIONS", "{}"),
        ("MAGRAY_BACKUP__CLOUD_OPTIONS__REGION", "eu-1"),
        ("MAGRAY_BACKUP__FORMER_KEY_FILES", "[]"),
        # of tests and containers
        ("MAGRAY_TEST_DATA", "/x"),
        ("MAGRAY_DEBIAN_ROOT", "/x"),
        ("MAGRAY_POSTGRES_MEMORY", "4g"),
        # what Kubernetes tells of services called magray and magray-memory
        ("MAGRAY_SERVICE_HOST", "10.0.0.1"),
        ("MAGRAY_SERVICE_PORT_HTTP", "8080"),
        ("MAGRAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("MAGRAY_MEMORY_PORT", "tcp://10.0.0.1:8080"),
        # of others
        ("MAGRAYS_PORT", "x"),
        ("XMAGRAY_PORT", "x"),
    ],
)
def test_one_that_means_something_is_let_be(name: str, value: str) -> None:
    refuse_unknown({name: value}, Settings)


def test_every_variable_this_repository_speaks_of_is_known() -> None:
    """Those of compose files, tools, tests and documents, and so none can be forgotten."""
    listed = subprocess.run(
        [
            "git",
            "grep",
            "-hoE",
            r"\bMAGRAY_[A-Z0-9_]*[A-Z0-9]\b( = )?",
            "--",
            ".",
            ":!tests/service/test_environment.py",
            ":!tests/service/test_settings.py",
            ":!tests/cli/test_commands.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    # what Python assigns to is a name of its own, no variable of the environment
    found = set(listed.stdout.split())
    named = {one for one in found if one != "=" and f"{one} = " not in listed.stdout}
    assert {"MAGRAY_BASE", "MAGRAY_PORT", "MAGRAY_DEBIAN_DATABASE_URL"} <= named
    for name in named:
        refuse_unknown({name: "x"}, Settings)


def test_the_fields_of_the_settings_are_the_variables() -> None:
    """Derived, so that a setting made tomorrow is known too."""
    for field in Settings.model_fields:
        refuse_unknown({f"MAGRAY_{field.upper()}": "x"}, Settings)
    assert "UNHEARD_OF" in refused("MAGRAY_UNHEARD_OF").message
