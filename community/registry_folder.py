"""Registers and dossiers as files and folders. What is written is for its owner's eyes: it holds people's health."""

import csv
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from community.registry import TABLES, Reading, Register, Row
from community.registry_files import decoded, joined, read_table, read_yaml, write_csv, write_yaml
from shouwang.bilingual import both
from shouwang.errors import ConfigError

_OWNER_ONLY = 0o600
_FOLDER = 0o700
_NO_TABLES = "{path}: holds no tables; name them {names}", "{path}：里面没有表；文件名应为 {names}"
_NO_REGISTER = (
    "{path}: is neither a .yaml file, a .csv table nor a folder of tables",
    "{path}：不是 .yaml 文件、.csv 表，也不是放表的文件夹",
)
_UNREAD = "{path}: cannot be read: {error}", "{path}：读不出来：{error}"
_UNWRITTEN = "{path}: cannot be written: {error}", "{path}：写不进去：{error}"
_NOT_MADE = (
    "{path}: cannot be made: {error}; name a folder that does not exist",
    "{path}：建不了：{error}；请写一个还不存在的文件夹",
)
_THERE_ALREADY = (
    "{path}: cannot be written: {error}; name a file that does not exist",
    "{path}：写不进去：{error}；请写一个还不存在的文件",
)


def read_register(path: Path, *, encoding: str = "utf-8") -> Reading:
    """The rows of a .yaml file, a .csv table, or all tables of a folder. Raises ConfigError."""
    if path.is_dir():
        found = sorted(path.glob("*.csv"), key=lambda file: _rank(file.stem))
        if not found:
            raise ConfigError(both(*_NO_TABLES, path=path, names=", ".join(f"{table}.csv" for table in TABLES)))
        return joined([_table(file, encoding) for file in found])
    if path.suffix in (".yaml", ".yml"):
        return read_yaml(_text(path, "utf-8"), name=path.name)
    if path.suffix == ".csv":
        return _table(path, encoding)
    raise ConfigError(both(*_NO_REGISTER, path=path))


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
        raise ConfigError(both(*_UNWRITTEN, path=folder, error=error.strerror)) from error
    return count


def _table(path: Path, encoding: str) -> Reading:
    return read_table(_text(path, encoding), name=path.name)


def _text(path: Path, encoding: str) -> str:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(both(*_UNREAD, path=path, error=error.strerror)) from error
    return decoded(body, encoding, name=path.name)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=_FOLDER, parents=True)
    except OSError as error:
        raise ConfigError(both(*_NOT_MADE, path=folder, error=error.strerror)) from error


def _write(path: Path, text: str) -> None:
    try:
        with os.fdopen(_opened(path), "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(both(*_THERE_ALREADY, path=path, error=error.strerror)) from error


def _write_picture(path: Path, picture: bytes) -> None:
    try:
        with os.fdopen(_opened(path), "wb") as file:
            file.write(picture)
    except OSError as error:
        raise ConfigError(both(*_UNWRITTEN, path=path, error=error.strerror)) from error


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
