"""The project's own errors, in one tree, mapped once at each border.

    MagrayError            a sentence, a detail, a hint that is a command, a code
     ├─ ConfigError        MLC01  settings or magray.toml are wrong
     ├─ PlatformError      MLP01  this PostgreSQL cannot serve (version, extension, checksums)
     ├─ SchemaError        MLS01  the database and this program do not match (digest, revision)
     ├─ TrainingError      MLT01  nothing to learn from, or a model that may not be loaded
     │   └─ NotReadyError      MLT02  nothing is wrong, but there is nothing to train or score yet
     ├─ StorageError       MLO01  an object store refused, or did not give back what it was given
     │   ├─ DamagedObjectError  MLO02  stored bytes are not what they were
     │   └─ UnreadableObjectError  they are, and another version wrote them
     ├─ BackupError        MLB01  a backup or restore was refused or failed; `jobs/backup/errors.py`
     └─ EmbeddingError     MLE01  a provider could not turn text into vectors

SQL functions raise the codes of ``ML4xx`` themselves (see ``sql/README.md``); those arrive as
``psycopg.Error`` and are translated in ``service/web/problems.py``.
"""

from __future__ import annotations


class MagrayError(Exception):
    """An error a person can act on.

    Args:
        message: one sentence, what is wrong.
        detail: the values involved; empty when the sentence says it all.
        hint: what to do, preferably a command to type.
    """

    code = "ML500"
    #: What `magray` ends with: sysexits; 70 internal.
    exit_code = 70

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint

    @property
    def in_a_line(self) -> str:
        """The sentence and what is known beyond it, for a line of a table."""
        return f"{self.message.rstrip('.')}: {self.detail}" if self.detail else self.message

    def __str__(self) -> str:
        parts = [self.message]
        if self.detail:
            parts.append(self.detail)
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return "\n".join(parts)


class ConfigError(MagrayError):
    """Settings, environment or ``magray.toml`` hold a wrong key or value."""

    code = "MLC01"
    exit_code = 78


class PlatformError(MagrayError):
    """The PostgreSQL at hand cannot serve MAGRAY: version, extension, checksums or start-up."""

    code = "MLP01"
    exit_code = 69


class NoDatabaseError(PlatformError):
    """The data directory holds no database, and the command at hand makes none."""


class SchemaError(MagrayError):
    """The database's schema and this program do not match."""

    code = "MLS01"
    exit_code = 65


class EmbeddingError(MagrayError):
    """An embedding provider is missing, misconfigured or failed on a text."""

    code = "MLE01"


class TrainingError(MagrayError):
    """There is too little to learn from, another training runs, or a model may not be loaded."""

    code = "MLT01"
    exit_code = 65


class NotReadyError(TrainingError):
    """Nothing is wrong, but there is nothing to learn from or to score by yet."""

    code = "MLT02"


class StorageError(MagrayError):
    """An object store refused a read, a write or a deletion, or cannot be reached."""

    code = "MLO01"
    exit_code = 74


class MissingObjectError(StorageError):
    """There is no object of that name."""


class DamagedObjectError(StorageError):
    """An object's bytes are not those that were stored."""

    code = "MLO02"
    exit_code = 65


class UnreadableObjectError(StorageError):
    """An object is whole, and of a form this version does not know."""

    exit_code = 65


class BackupError(MagrayError):
    """A backup or a restore was refused or failed."""

    code = "MLB01"
