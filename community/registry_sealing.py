"""Key-safe codes and secrets of authenticator apps at rest: sealed with a key in a file, never in the database.

Whoever gets a copy of the database alone opens no door.
"""

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from messaging.secret import read_secret
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError, GiveUp

_KEY_BYTES = 32
_NONCE_BYTES = 12
PLAIN = ""
"""The name of no key: what was stored before there was a key file."""


class Safe:
    """Seals and opens codes; without a key it leaves them as they are."""

    def __init__(self, key: bytes | None = None) -> None:
        """`key`: 32 bytes, as `open_safe` reads them."""
        self._cipher = None if key is None else AESGCM(key)
        self.key_name = PLAIN if key is None else hashlib.sha256(key).hexdigest()[:16]

    def seal(self, code: str, *, of: str) -> bytes:
        """The code as it is stored for the home `of`: it opens for no other."""
        if self._cipher is None:
            return code.encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, code.encode(), of.encode())

    def open(self, sealed: bytes, *, of: str, key_name: str) -> str:
        """The code. Raises ConfigError where the key file is missing or another, GiveUp where it was tampered with."""
        if key_name == PLAIN:
            return sealed.decode()
        if self._cipher is None or key_name != self.key_name:
            have = both(*_OTHER_KEY, key=self.key_name) if self._cipher else _NO_KEY_FILE
            raise ConfigError(both(*_SEALED_ELSE, of=of, key=key_name, have=have))
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], of.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise GiveUp(both(*_TAMPERED, of=of)) from error


_OTHER_KEY = "the file in use is {key}", "现在用的是 {key}"
_NO_KEY_FILE = Bilingual("no registry.key_file is named", zh="没有写 registry.key_file")
_SEALED_ELSE = (
    "the code of {of} was sealed with the key {key}; {have}; put the right key file back",
    "{of} 的密码是用密钥 {key} 封存的；{have}；请放回原来的密钥文件",
)
_TAMPERED = (
    "the code of {of} is not as it was sealed; set it anew and look into the audit",
    "{of} 的密码和封存时不一样；请重新设置，并查看操作记录",
)
_NO_KEY = (
    "{path}: is no key; make one with `shouwang community people key-safe new-key FILE`",
    "{path}：不是密钥；请用 `shouwang community people key-safe new-key 文件` 新做一个",
)
_NOT_MADE = (
    "{path}: cannot be made: {error}; choose another name or folder",
    "{path}：建不了：{error}；请换个名字或文件夹",
)
_MARK = "sealed:"
"""What a sealed text in a column of words begins with; no Base32 has a colon."""


def sealed_words(safe: Safe, words: str, *, of: str) -> str:
    """Words as a column of text keeps them; without a key as they are."""
    if safe.key_name == PLAIN:
        return words
    return f"{_MARK}{safe.key_name}:{base64.b64encode(safe.seal(words, of=of)).decode()}"


def is_sealed_with(safe: Safe, kept: str) -> bool:
    """Whether these words lie sealed under this key already."""
    return safe.key_name != PLAIN and kept.startswith(f"{_MARK}{safe.key_name}:")


def opened(safe: Safe, kept: str, *, of: str) -> str:
    """What `sealed_words` was given. Raises ConfigError for a key that is missing or another, GiveUp as `Safe.open`."""
    if not kept.startswith(_MARK):
        return kept
    key_name, _, body = kept.removeprefix(_MARK).partition(":")
    return safe.open(base64.b64decode(body), of=of, key_name=key_name)


def open_safe(key_file: Path | None) -> Safe:
    """The safe of the key file; one without a key where none is named. Raises ConfigError."""
    if key_file is None:
        return Safe()
    try:
        key = base64.b64decode(read_secret(key_file), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(both(*_NO_KEY, path=key_file))
    return Safe(key)


def write_new_key(key_file: Path) -> None:
    """A new key, for its owner's eyes. Raises ConfigError where the file exists: what it sealed would be lost."""
    try:
        number = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() + "\n")
    except OSError as error:
        raise ConfigError(both(*_NOT_MADE, path=key_file, error=error.strerror)) from error
