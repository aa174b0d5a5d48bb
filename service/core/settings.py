"""Settings: flags, then `MAGRAY_*`, then `magray.toml`, then the defaults written here.

Environment names are the field names in upper case behind `MAGRAY_`, nested by two underscores:
`MAGRAY_PORT`, `MAGRAY_EMBEDDING__PROVIDER`. The file is `magray.toml` in the working directory, or
whatever `MAGRAY_CONFIG` names. A wrong key or value is a `ConfigError` that names it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from service.core.environment import NESTED, PREFIX, refuse_unknown, without_json
from service.core.errors import ConfigError
from service.core.names import known_instead
from service.core.settings_memory import MemorySettings, Section
from service.core.settings_values import DatabaseUrl, Host, UserPath

# As browsers say it: no path, and no slash at its end.
Origin = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^/\s]+)$")]


class EmbeddingSettings(Section):
    """Who turns text into vectors.

    Attributes:
        provider: minilm (offline, English), e5 (offline, multilingual), onnx (a folder), openai
            (any compatible endpoint) or none (words only, or vectors the caller brings).
        model: the name an endpoint knows the model by.
        path: the folder of an ONNX model.
        url: base URL of an endpoint, such as http://127.0.0.1:11434/v1.
        api_key_file: file that holds the endpoint's key.
        threads: threads one embedding may use.
        dim: dimensions of an endpoint's vectors, or of the caller's own with provider none.
        batch_size: texts embedded at once; taken from `[memory.performance]`.
    """

    provider: Literal["minilm", "e5", "onnx", "openai", "none"] = "minilm"
    model: str | None = None
    path: UserPath | None = None
    url: str | None = None
    api_key_file: UserPath | None = None
    threads: int = Field(1, ge=1, le=256)
    dim: int | None = Field(None, ge=1, le=4000)
    batch_size: int = Field(32, ge=1, le=1024)


class ArchiveSettings(Section):
    """Where archived memories go, and how large their files become.

    Attributes:
        url: file:///…, s3://bucket/…, gs://… or az://…; None: a folder beside the data directory.
            Credentials come from the environment, as the store's own programs have them.
        file_rows: most memories in one file.
        file_mb: about the most bytes of memories in one file, before they are packed.
    """

    url: str | None = None
    file_rows: int = Field(10_000, ge=1, le=1_000_000)
    file_mb: int = Field(64, ge=1, le=1024)


class BackupSettings(Section):
    """Where backups go, when they are taken, how long they stay.

    Attributes:
        directory: of local backups; by default `repository` beside the embedded database.
        wal_directory: of archived WAL; by default `wal-archive` beside the embedded database.
        bin_dir: folder of PostgreSQL's programs, for backups, for restored servers and for the
            embedded one; by default the packaged ones.
        cloud: URL of the cloud tier (s3://bucket/prefix, gs://…, az://…); snapshots go there.
        cold: URL of the cold archive; compressed backups go there.
        cloud_options: for that store (endpoint, region…); credentials come from the environment.
        cold_options: the same for the cold archive.
        key_file: 32 bytes, raw or base64, that backups are encrypted with; never beside them.
        former_key_files: keys of earlier backups.
        compression_level: of zstd; compressed backups use 19.
        allow_untrusted_incremental: take incrementals from servers before 18.7 too.
        max_chain: longest chain, the full included.
        keep_fulls: restorable fulls that always stay.
        keep_days: instants this far back stay restorable.
        local_fulls: fulls that stay on the local disk; older chains move to the cloud tier.
        full_hours: the service takes a full this often once there is one; 0 never.
        incremental_mb: the service takes an incremental after this much WAL; 0 never.
        snapshot_on_shutdown: take a snapshot when the service is stopped.
        shutdown_seconds: the longest that snapshot may take.
        timeout_seconds: the longest a backup may take.
        archive_wait_seconds: the longest to wait for WAL to be archived.
        verify_days: how long ago bytes may have been read before the service reads them again;
            0 never.
        drill_days: how old the last proof may be before the service restores one; 0 never.
    """

    directory: UserPath | None = None
    wal_directory: UserPath | None = None
    bin_dir: UserPath | None = None
    cloud: str | None = None
    cold: str | None = None
    cloud_options: dict[str, str] = Field(default_factory=dict)
    cold_options: dict[str, str] = Field(default_factory=dict)
    key_file: UserPath | None = None
    former_key_files: list[UserPath] = Field(default_factory=list)
    compression_level: int = Field(3, ge=1, le=19)
    allow_untrusted_incremental: bool = False
    max_chain: int = Field(14, ge=2, le=100)
    keep_fulls: int = Field(2, ge=1)
    keep_days: float = Field(7, ge=0)
    local_fulls: int = Field(2, ge=1)
    full_hours: float = Field(24, ge=0)
    incremental_mb: int = Field(512, ge=0)
    snapshot_on_shutdown: bool = False
    shutdown_seconds: float = Field(30, gt=0)
    timeout_seconds: float = Field(3600, gt=0)
    archive_wait_seconds: float = Field(120, gt=0)
    verify_days: float = Field(7, ge=0)
    drill_days: float = Field(7, ge=0)


class AlertSettings(Section):
    """Who is told about alerts. PostgreSQL's NOTIFY (`listen magray_alert`) is always sent.

    Attributes:
        channels: log, webhook, smtp; messages that could not be delivered wait in the database.
        webhook_url: gets a POST with the alert as JSON, signed as standardwebhooks.com says.
        webhook_secret_file: holds the secret, `whsec_` and base64, or any text.
        smtp_host, smtp_port: of the mail server.
        smtp_tls: starttls, tls (from the first byte) or none; the server's certificate must be of
            an authority the machine trusts, or of the file SSL_CERT_FILE names.
        smtp_user, smtp_password_file: who logs in; None: nobody.
        mail_from, mail_to: addresses.
        timeout_seconds: the longest an attempt may take.
    """

    channels: tuple[Literal["log", "webhook", "smtp"], ...] = ("log",)
    webhook_url: str | None = Field(None, pattern=r"^https?://\S+$")
    webhook_secret_file: UserPath | None = None
    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password_file: UserPath | None = None
    mail_from: str | None = None
    mail_to: list[str] = Field(default_factory=list)
    timeout_seconds: float = Field(10, gt=0, le=300)

    @model_validator(mode="after")
    def _channels_are_complete(self) -> AlertSettings:
        if "webhook" in self.channels and not (self.webhook_url and self.webhook_secret_file):
            raise ValueError("channel webhook needs webhook_url and webhook_secret_file")
        if "smtp" in self.channels and not (self.smtp_host and self.mail_from and self.mail_to):
            raise ValueError("channel smtp needs smtp_host, mail_from and mail_to")
        return self


class HttpSettings(Section):
    """What a request may be. What goes beyond is refused while it comes, before it is parsed.

    Attributes:
        request_line_kb: of the address with its query (414).
        header_kb: of the request line and all headers together (431); of what stands between the
            pieces of a chunked body and behind it, too.
        headers: how many there may be (431).
        header_seconds: within which they have all come (408).
        body_mb: of a batch of memories (413); other bodies are limited to what they need.
        body_seconds: the longest pause within a body (408).
    """

    request_line_kb: int = Field(8, ge=1, le=1024)
    header_kb: int = Field(64, ge=4, le=1024)
    headers: int = Field(200, ge=20, le=10_000)
    header_seconds: float = Field(10, gt=0, le=3600)
    body_mb: int = Field(64, ge=1, le=64)
    body_seconds: float = Field(30, gt=0, le=3600)


class Settings(BaseSettings):
    """All settings of the service and the command line."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    database_url: DatabaseUrl | None = None
    # holds the password of database_url, for those who keep secrets in files
    database_password_file: UserPath | None = None
    data_dir: UserPath = Path(".magray")
    # where the embedded PostgreSQL listens on loopback, for logins with a password; None: nowhere,
    # it is reached by its Unix socket only
    postgres_port: int | None = Field(None, ge=1, le=65535)
    host: Host = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    api_key: SecretStr | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    pool_size: int = Field(8, ge=1, le=200)
    # whether `magray serve` runs jobs, backups and messages too; off where `magray jobs` does
    jobs: bool = True
    # searches that take longer are told in the log: ms; 0 tells none
    slow_search_ms: float = Field(1000, ge=0)
    # origins whose pages may call from a browser, such as https://app.example.org; "*": all
    cors_origins: tuple[Origin, ...] = ()
    # where traces go, such as http://127.0.0.1:4318/v1/traces; needs the extra otel
    otlp_endpoint: str | None = Field(None, pattern=r"^https?://\S+$")
    http: HttpSettings = HttpSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    archive: ArchiveSettings = ArchiveSettings()
    memory: MemorySettings = MemorySettings()
    backup: BackupSettings = BackupSettings()
    alerts: AlertSettings = AlertSettings()

    def policy(self) -> dict[str, Any]:
        """Everything `memory.apply_policy` compares with the policy rows."""
        policy = self.memory.policy()
        policy["settings"]["alert_channels"] = list(dict.fromkeys(self.alerts.channels))
        return policy

    @property
    def archive_url(self) -> str:
        """Where the files of the archive are: as configured, or beside the data directory."""
        data_dir = self.data_dir.resolve()
        return self.archive.url or data_dir.with_name(f"{data_dir.name}-archive").as_uri()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, toml_file=config_file()),
        )


def config_file() -> Path:
    """The settings file: `MAGRAY_CONFIG`, or `magray.toml` in the working directory."""
    return Path(os.environ.get("MAGRAY_CONFIG", "magray.toml"))


def load_settings(**flags: Any) -> Settings:
    """Read all sources; `flags` win, those that are None are left out.

    Raises:
        ConfigError: a variable or key is unknown or a value out of range; says which and what is
            allowed.
    """
    refuse_unknown(os.environ, Settings)
    named = os.environ.get("MAGRAY_CONFIG")
    if named and not Path(named).is_file():
        raise ConfigError(
            f"MAGRAY_CONFIG names {named}, which is no file", hint="unset MAGRAY_CONFIG"
        )
    try:
        settings = Settings(**{key: value for key, value in flags.items() if value is not None})
        return _with_password(settings)
    except ValidationError as error:
        raise ConfigError(
            "the settings are wrong",
            detail="\n".join(_fault(fault) for fault in error.errors()),
            hint=f"correct {config_file()} or the MAGRAY_* variable, then: magray check",
        ) from error
    except SettingsError as error:
        name, hint = without_json(os.environ, Settings)
        raise ConfigError(
            f"the variable {name or 'MAGRAY_*'} holds no JSON, and is a list or a table",
            detail="" if name else str(error),
            hint=hint or "magray check",
        ) from error
    except ValueError as error:  # TOML that does not parse
        raise ConfigError(
            f"{config_file()} is not valid TOML", detail=str(error), hint="magray check"
        ) from error


def _with_password(settings: Settings) -> Settings:
    """Put the password of its file into the database's URL."""
    path = settings.database_password_file
    if path is None or settings.database_url is None:
        return settings
    try:
        password = path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            "database_password_file cannot be read", detail=str(error), hint=f"ls -l {path}"
        ) from error
    url = make_conninfo(settings.database_url.get_secret_value(), password=password)
    return settings.model_copy(update={"database_url": SecretStr(url)})


def _fault(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"]) or "magray.toml"
    if fault["type"] == "extra_forbidden":
        *section, key = fault["loc"]
        return f"{place}: unknown key; {known_instead(str(key), _known_keys(section))}"
    said = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" + ("" if _is_secret(fault["loc"]) else f", given: {fault['input']!r}")


def _is_secret(place: tuple[Any, ...]) -> bool:
    """Whether a value is one that is never shown, or a section that may hold one."""
    return len(place) == 1 and "SecretStr" in repr(Settings.model_fields[place[0]].annotation)


def _known_keys(place: list[Any]) -> list[str]:
    model: Any = Settings
    for part in place:
        model = model.model_fields[part].annotation
    return list(model.model_fields)
