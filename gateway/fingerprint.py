"""What a part of the home depends on, in one short text: its configuration, and what is in the files that it names."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel

MOST_BYTES = 1_000_000
"""Certificates, keys, passwords and register maps have a few thousand; what is longer counts by its beginning."""


def fingerprint(*parts: BaseModel | Iterable[BaseModel] | str | None) -> str:
    """The same text for the same configuration and the same contents of its files; reads these files."""
    digest = hashlib.sha256()
    for part in parts:
        for model in _models(part):
            digest.update(model.encode() if isinstance(model, str) else model.model_dump_json().encode())
            for file in () if isinstance(model, str) else _files(model.model_dump()):
                digest.update(b"\0" + _contents(file))
            digest.update(b"\0")
        digest.update(b"\1")
    return digest.hexdigest()


def _models(part: BaseModel | Iterable[BaseModel] | str | None) -> Iterator[BaseModel | str]:
    if isinstance(part, BaseModel | str):
        yield part
    elif part is not None:
        yield from part


def _files(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _files(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _files(one)


def _contents(file: Path) -> bytes:
    try:
        if not file.is_file():  # a folder, a device, a pipe: nothing that is read as a whole
            return b"none"
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(MOST_BYTES)).digest()
    except OSError:
        return b"unread"
