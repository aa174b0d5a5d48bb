"""The project's own errors, in one tree, mapped once at each border.

    name                           code   HTTP  exit  SQLSTATE
    MagrayError                    ML500  500   70
     ├─ ConfigError                MLC01  500   78
     ├─ PlatformError              MLP01  500   69
     │   └─ NoDatabaseError        MLP01  500   69
     ├─ SchemaError                MLS01  500   65
     ├─ EmbeddingError             MLE01  503   70
     │   └─ EmbeddingUnavailable   MLE01  503   69
     ├─ TrainingError              MLT01  500   65
     │   └─ NothingToLearnError    MLT02  500   65
     ├─ StorageError               MLO01  500   74
     │   ├─ MissingObjectError     MLO01  500   74
     │   ├─ DamagedObjectError     MLO02  500   65
     │   └─ UnreadableObjectError  MLO01  500   65
     ├─ FileError                  MLF01  500   65
     ├─ DeliveryError              MLA01  500   70
     ├─ BackupError                MLB01  500   70
     │   ├─ DamagedError           MLB26  500   26
     │   ├─ TargetInUseError       MLB38  409   38
     │   ├─ NotRestorableError     MLB44  422   44
     │   ├─ BusyError              MLB50  409   50
     │   ├─ MismatchError          MLB51  409   51
     │   ├─ MissingError           MLB55  404   55
     │   ├─ NoKeyError             MLB56  500   56
     │   ├─ ToolError              MLB70  500   70
     │   ├─ TierError              MLB74  500   74
     │   ├─ ColdStorageError       MLB75  409   75
     │   ├─ CheckError             MLB76  500   76
     │   └─ TimedOutError          MLB82  500   82
     └─ DatabaseError              ML500  500   69
         ├─ ForbiddenError         ML403  403   69    ML403
         ├─ NotFoundError          ML404  404   69    ML404
         ├─ ConflictError          ML409  409   69    ML409 23505
         ├─ ChangedError           ML412  412   69    ML412
         ├─ UnusableError          ML422  422   69    ML422 22 54
         ├─ UnavailableError       ML503  503   69    40001 40P01 55P03 08 53 57
         └─ TooSlowError           ML504  504   69    57014

What PostgreSQL raises arrives as `psycopg.Error`; `of_sqlstate` says which class it is: the exact
SQLSTATE counts before its first two characters. Over HTTP its code is the SQLSTATE, where it has
one. `service/web/problems.py` makes problems of all of them, `service/cli/main.py` sentences and
exit codes.
"""

from __future__ import annotations


class MagrayError(Exception):
    """An error a person can act on.

    Args:
        message: one sentence, what is wrong.
        detail: the values involved; empty when the sentence says it all.
        hint: what to do, preferably a command to type.
    """

    #: Stable, for programs. Two classes may share one: they differ in what `magray` ends with.
    code = "ML500"
    #: Of the answer over HTTP; 500: a fault of ours, or of whoever runs the service.
    status = 500
    #: What `magray` ends with: sysexits, and for backups numbers of their own.
    exit_code = 70
    #: SQLSTATEs, or their first two characters, by which PostgreSQL raises it.
    sqlstates: tuple[str, ...] = ()

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
    status = 503


class EmbeddingUnavailable(EmbeddingError):  # noqa: N818 -- reads as the state it names
    """The provider as a whole does not answer; no text is to blame, later may work.

    ``embed_each`` looks for the text to blame for a failed batch, except after this error.

    Args:
        message: one sentence, what is wrong; `detail` and `hint` as every MagrayError has them.
        retry_after: seconds the provider asked to be left alone; 0: it did not say.
    """

    exit_code = 69

    def __init__(
        self, message: str, *, detail: str = "", hint: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.retry_after = retry_after

    @classmethod
    def of(cls, error: Exception) -> EmbeddingUnavailable:
        """The same as a fault of the whole provider; of an error not ours only its kind."""
        if isinstance(error, cls):
            return error
        if isinstance(error, EmbeddingError):
            return cls(error.message, detail=error.detail, hint=error.hint)
        return cls("The embedding provider failed.", detail=type(error).__name__)


class TrainingError(MagrayError):
    """There is too little to learn from, another training runs, or a model may not be loaded."""

    code = "MLT01"
    exit_code = 65


class NothingToLearnError(TrainingError):
    """Nothing is wrong: there is nothing to learn from yet, or another training runs."""

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


class FileError(MagrayError):
    """A file is missing, unreadable, or not what its format promises; names the place."""

    code = "MLF01"
    exit_code = 65


class DeliveryError(MagrayError):
    """A receiver did not take the message about an alert."""

    code = "MLA01"


class BackupError(MagrayError):
    """A backup or a restore was refused or failed."""

    code = "MLB01"


class DamagedError(BackupError):
    """Stored bytes are not as they were written."""

    code = "MLB26"
    exit_code = 26


class TargetInUseError(BackupError):
    """The directory to restore into is a running cluster, or not empty."""

    code = "MLB38"
    status = 409
    exit_code = 38


class NotRestorableError(BackupError):
    """No chain and WAL lead to that instant, name or position; the nearest that work are named."""

    code = "MLB44"
    status = 422
    exit_code = 44


class BusyError(BackupError):
    """Another run is under way."""

    code = "MLB50"
    status = 409
    exit_code = 50


class MismatchError(BackupError):
    """Parts of different clusters or histories."""

    code = "MLB51"
    status = 409
    exit_code = 51


class MissingError(BackupError):
    """An object, a backup or a program is not where it must be."""

    code = "MLB55"
    status = 404
    exit_code = 55


class NoKeyError(BackupError):
    """It is encrypted, or to be encrypted, and the key is not at hand."""

    code = "MLB56"
    exit_code = 56


class ToolError(BackupError):
    """One of PostgreSQL's programs failed."""

    code = "MLB70"


class TierError(BackupError):
    """A tier refused a read or a write."""

    code = "MLB74"
    exit_code = 74


class ColdStorageError(BackupError):
    """A cold tier must bring the objects back first."""

    code = "MLB75"
    status = 409
    exit_code = 75


class CheckError(BackupError):
    """Restored, but it does not prove right; it is not handed over."""

    code = "MLB76"
    exit_code = 76


class TimedOutError(BackupError):
    """Archiving or a program took longer than its budget."""

    code = "MLB82"
    exit_code = 82


class DatabaseError(MagrayError):
    """PostgreSQL refused a statement, or the way to it is lost.

    Attributes:
        sentence: what a caller is told instead of PostgreSQL's own words, which may hold internals.
        advice: what the caller can do; empty: nothing.
    """

    exit_code = 69
    sentence = "the database failed"
    advice = ""


class ForbiddenError(DatabaseError):
    """It is not the caller's."""

    code = "ML403"
    status = 403
    sqlstates = ("ML403",)


class NotFoundError(DatabaseError):
    """There is no such thing."""

    code = "ML404"
    status = 404
    sqlstates = ("ML404",)


class ConflictError(DatabaseError):
    """It contradicts what is there."""

    code = "ML409"
    status = 409
    sqlstates = ("ML409", "23505")


class ChangedError(DatabaseError):
    """It is not any more what the caller saw."""

    code = "ML412"
    status = 412
    sqlstates = ("ML412",)


class UnusableError(DatabaseError):
    """A value is not usable."""

    code = "ML422"
    status = 422
    sqlstates = ("ML422", "22", "54")
    sentence = "the values are not usable"
    advice = "Correct the value and send it again."


class UnavailableError(DatabaseError):
    """The database is busy, or away, or has run out of something; later may work."""

    code = "ML503"
    status = 503
    sqlstates = ("40001", "40P01", "55P03", "08", "53", "57")
    sentence = "the database is busy or away"
    advice = "Try again."


class TooSlowError(DatabaseError):
    """The statement took longer than it may."""

    code = "ML504"
    status = 504
    sqlstates = ("57014",)
    sentence = "too slow"
    advice = "Ask for less."


_BY_SQLSTATE = {state: kind for kind in DatabaseError.__subclasses__() for state in kind.sqlstates}


def of_sqlstate(state: str) -> type[DatabaseError]:
    """The class of what PostgreSQL raised: by its SQLSTATE, or the two characters of its class."""
    return _BY_SQLSTATE.get(state) or _BY_SQLSTATE.get(state[:2]) or DatabaseError
