"""What can go wrong with a backup or a restore, each with an exit code of its own.

26  DamagedError          bytes are not as they were written
38  TargetInUseError      the directory to restore into is a running cluster, or not empty
44  NotRestorableError    no chain and WAL lead to that instant; the nearest that work are named
50  BusyError             another run is under way
51  MismatchError         a backup or WAL of another cluster
55  MissingError          an object, a backup or a program is not there
56  NoKeyError            encrypted, or to be encrypted, and the key is not at hand
74  StorageError    a tier refused a read or a write
75  NotReadyError         a cold tier must bring the objects back first
76  CheckError      restored, but it does not prove right; it is not handed over
82  TimedOutError         archiving or a program took longer than its budget
"""

from __future__ import annotations

from service.core.errors import BackupError as BackupError


class DamagedError(BackupError):
    """Stored bytes are not as they were written."""

    code, exit_code = "MLB26", 26


class TargetInUseError(BackupError):
    """The place to restore into is taken."""

    code, exit_code = "MLB38", 38


class NotRestorableError(BackupError):
    """No instant, name or position that backups and WAL lead to."""

    code, exit_code = "MLB44", 44


class BusyError(BackupError):
    """Another run is under way."""

    code, exit_code = "MLB50", 50


class MismatchError(BackupError):
    """Parts of different clusters or histories."""

    code, exit_code = "MLB51", 51


class MissingError(BackupError):
    """Something is not where it must be."""

    code, exit_code = "MLB55", 55


class NoKeyError(BackupError):
    """The key to encrypt or decrypt with is not at hand."""

    code, exit_code = "MLB56", 56


class StorageError(BackupError):
    """A tier refused a read or a write."""

    code, exit_code = "MLB74", 74


class NotReadyError(BackupError):
    """A cold tier must bring the objects back first."""

    code, exit_code = "MLB75", 75


class CheckError(BackupError):
    """A restored instance does not prove right."""

    code, exit_code = "MLB76", 76


class TimedOutError(BackupError):
    """Something took longer than its budget."""

    code, exit_code = "MLB82", 82


class ToolError(BackupError):
    """One of PostgreSQL's programs failed."""

    code, exit_code = "MLB70", 70
