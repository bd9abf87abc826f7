"""Registers and dossiers as files and folders. What is written is for its owner's eyes: it holds people's health."""

import csv
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from community.registry import TABLES, Reading, Register, Row
from community.registry_files import decoded, joined, read_table, read_yaml, write_csv, write_yaml
from shouwang.errors import ConfigError

_OWNER_ONLY = 0o600
_FOLDER = 0o700


def read_register(path: Path, *, encoding: str = "utf-8") -> Reading:
    """The rows of a .yaml file, a .csv table, or all tables of a folder. Raises ConfigError."""
    if path.is_dir():
        found = sorted(path.glob("*.csv"), key=lambda file: _rank(file.stem))
        if not found:
            raise ConfigError(f"{path}: holds no tables; name them {', '.join(f'{table}.csv' for table in TABLES)}")
        return joined([_table(file, encoding) for file in found])
    if path.suffix in (".yaml", ".yml"):
        return read_yaml(_text(path, "utf-8"), name=path.name)
    if path.suffix == ".csv":
        return _table(path, encoding)
    raise ConfigError(f"{path}: is neither a .yaml file, a .csv table nor a folder of tables")


def write_register(register: Register, path: Path) -> None:
    """A .yaml file, or a folder of tables. Raises ConfigError where there is something already."""
    if path.suffix in (".yaml", ".yml"):
        _write(path, write_yaml(register))
        return
    _make(path)
    for table, model in TABLES.items():
        rows: tuple[Row, ...] = register.rows(model)
        if rows:
            _write(path / f"{table}.csv", write_csv(rows, table))


def write_dossier(folder: Path, told: object, pages: str, face: bytes | None = None) -> None:
    """`dossier.json` for machines, `dossier.txt` for people and the `face` in a new folder. Raises ConfigError."""
    _make(folder)
    _write(folder / "dossier.json", msgspec.json.format(msgspec.json.encode(told, enc_hook=_plain)).decode() + "\n")
    _write(folder / "dossier.txt", pages)
    if face is not None:
        _write_picture(folder / "photo.jpg", face)


def write_samples(folder: Path, parts: Iterable[Iterable[tuple[str, str, str, datetime, float, str]]]) -> int:
    """`measurements.csv` in the folder: gateway, sensor, quantity, moment, value, quality; how many."""
    count = 0
    try:
        with os.fdopen(_opened(folder / "measurements.csv"), "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("gateway", "sensor", "quantity", "at", "value", "quality"))
            for part in parts:
                for gateway, sensor, quantity, at, value, quality in part:
                    writer.writerow((gateway, sensor, quantity, at.isoformat(), value, quality))
                    count += 1
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from error
    return count


def _table(path: Path, encoding: str) -> Reading:
    return read_table(_text(path, encoding), name=path.name)


def _text(path: Path, encoding: str) -> str:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return decoded(body, encoding, name=path.name)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=_FOLDER, parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}; name a folder that does not exist") from error


def _write(path: Path, text: str) -> None:
    try:
        with os.fdopen(_opened(path), "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; name a file that does not exist") from error


def _write_picture(path: Path, picture: bytes) -> None:
    try:
        with os.fdopen(_opened(path), "wb") as file:
            file.write(picture)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)


def _rank(table: str) -> tuple[int, str]:
    names = list(TABLES)
    return (names.index(table) if table in names else len(names), table)


def _plain(value: object) -> object:
    if isinstance(value, Row):
        return value.model_dump(mode="json")
    raise NotImplementedError


def pages_of(parts: Iterator[tuple[str, Iterable[str]]]) -> str:
    """Chapters with their lines, as people read them."""
    return "\n".join("\n".join([title, "=" * 2 * len(title), *lines, ""]) for title, lines in parts)
