"""Encryption of objects: AES-256-GCM, one nonce an object, its name authenticated with it.

A key is 32 bytes in a file that is named in the settings and never lies beside a backup. A manifest
carries the id of its key (the first half of a SHA-256 of it), so old backups stay readable after a
rotation as long as the old file is still named.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from service.core.errors import DamagedError, NoKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NONCE = 12
# what mends that a key is not at hand
NAME_THE_KEY = "name its file in backup.key_file or backup.former_key_files of magray.toml"


class Key:
    """One key.

    Args:
        secret: 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = hashlib.sha256(b"magray key id\0" + secret).hexdigest()[:16]

    def encrypt(self, data: bytes, name: str) -> bytes:
        """`data` sealed under the name of its object."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._secret).encrypt(nonce, data, name.encode())

    def decrypt(self, sealed: bytes, name: str) -> bytes:
        """What was sealed.

        Raises:
            DamagedError: another key, another name, or a changed bit.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            nonce, rest = sealed[:_NONCE], sealed[_NONCE:]
            return AESGCM(self._secret).decrypt(nonce, rest, name.encode())
        except (InvalidTag, ValueError) as error:
            raise DamagedError(
                f"{name} cannot be decrypted",
                detail=f"Another key than {self.id}, or changed bytes.",
                hint="magray backup verify",
            ) from error

    def sign(self, data: bytes) -> str:
        """A signature only who has the key can make."""
        secret = hashlib.sha256(b"magray signing\0" + self._secret).digest()
        return hmac.new(secret, data, hashlib.sha256).hexdigest()


class Keys:
    """The keys at hand: one to encrypt with, and those of earlier backups.

    Args:
        current: file of the key new backups are encrypted with; None: they are not encrypted.
        former: files of keys that earlier backups were encrypted with.
    """

    def __init__(self, current: Path | None = None, former: Iterable[Path] = ()) -> None:
        self._current = current
        self._former = tuple(former)

    def current(self) -> Key | None:
        """The key new backups are encrypted with; None when they are not.

        Raises:
            NoKeyError: one is named and cannot be used.
        """
        return None if self._current is None else _read(self._current)

    def by_id(self, key_id: str) -> Key:
        """The key a backup was encrypted with.

        Raises:
            NoKeyError: none of the files holds it.
        """
        for path in (*((self._current,) if self._current else ()), *self._former):
            if path.is_file() and (key := _read(path)).id == key_id:
                return key
        raise NoKeyError(
            f"the key {key_id} is not at hand",
            detail="The backup is encrypted with it.",
            hint=NAME_THE_KEY,
        )


def _read(path: Path) -> Key:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise NoKeyError(
            f"the key file {path} cannot be read", detail=str(error), hint=_MAKE.format(path)
        ) from error
    secret = text
    if len(text) != 32:
        with contextlib.suppress(binascii.Error):
            secret = base64.b64decode(text, validate=False)
    if len(secret) != 32:
        raise NoKeyError(
            f"the key file {path} holds no key of 32 bytes (raw or base64)",
            detail=f"It holds {len(text)} bytes.",
            hint=_MAKE.format(path),
        )
    return Key(secret)


_MAKE = "head -c 32 /dev/urandom | base64 > {}; and keep a copy where the backups are not"
