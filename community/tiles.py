"""The tiles of a street map on this server: a folder or one file, read beside the loop and within a time."""

import asyncio
import hashlib
import html
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from community.map_settings import DEEPEST, MapEntry
from community.store.mbtiles import MbTiles
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, ShouwangError, TryLater

WITHIN_S = 2.0
"""A tile that is not read by then is no use to who has moved on; the page lives without it."""
AT_ONCE = 4
"""Tiles that are read at the same time. A disk that hangs holds so many threads and no more."""
MAX_BYTES = 1024 * 1024
"""A tile of 256 x 256 pixels is 10 to 100 kB."""
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_LOOKED_AT = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A picture; `tag` changes with it, for browsers that ask whether theirs is still good."""

    body: bytes
    kind: str
    tag: str


class Source(Protocol):
    """Where tiles lie. `read` blocks."""

    zooms: tuple[int, int]
    attribution: str

    def read(self, z: int, x: int, y: int) -> bytes | None:
        """A tile; None where there is none. Raises TryLater."""
        ...


class FolderTiles:
    """`{z}/{x}/{y}.png` below a folder; numbers alone make a path."""

    attribution = ""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError where there are no tiles."""
        self._folder = folder
        try:
            zooms = sorted(int(one.name) for one in folder.iterdir() if one.is_dir() and _is_zoom(one.name))
            first = next(_tiles_in(folder, zooms), None)
        except OSError as error:
            raise ConfigError(
                Bilingual(f"{folder}: cannot be read: {error.strerror}", zh=f"{folder}：读不出来：{error.strerror}")
            ) from error
        if first is None:
            raise ConfigError(
                Bilingual(
                    f"{folder}: holds no tiles; they lie at zoom/column/row.png, e.g. 15/27443/13392.png",
                    zh=f"{folder}：里面没有瓦片；应放成 级别/列/行.png，例如 15/27443/13392.png",
                )
            )
        self.zooms = (zooms[0], zooms[-1])
        self._ending = first.suffix

    def read(self, z: int, x: int, y: int) -> bytes | None:
        """A tile; None where there is none. Raises TryLater."""
        path = self._folder / str(int(z)) / str(int(x)) / f"{int(y)}{self._ending}"
        try:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise TryLater(Bilingual(f"{path}: {error.strerror}", zh=f"{path}：{error.strerror}")) from error


class Shelf:
    """Tiles for browsers, from one source."""

    def __init__(self, source: Source) -> None:
        """Nothing is read yet."""
        self._source = source
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tiles")
        self._free = asyncio.Semaphore(AT_ONCE)

    async def tile(self, z: int, x: int, y: int) -> Tile | None:
        """A tile; None where there is none, or it is no picture. Raises TryLater where the disk is slow or broken."""
        if not 0 <= z <= DEEPEST or not (0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._free.acquire()
                reading = asyncio.get_running_loop().run_in_executor(self._threads, self._read, z, x, y)
                reading.add_done_callback(lambda _: self._free.release())  # not before: a thread cannot be stopped
                found = await asyncio.shield(reading)
        except TimeoutError:
            raise TryLater(
                Bilingual(f"no tile {z}/{x}/{y} within {WITHIN_S} s", zh=f"{WITHIN_S} 秒内没有拿到瓦片 {z}/{x}/{y}")
            ) from None
        if isinstance(found, ShouwangError):
            raise found
        return found

    def _read(self, z: int, x: int, y: int) -> Tile | ShouwangError | None:
        """In a thread of its own; a failure is told, not raised, for nobody may wait for it any more."""
        try:
            body = self._source.read(z, x, y)
        except ShouwangError as error:
            return error
        if body is None:
            return None
        kind = kind_of(body)
        if kind is None or len(body) > MAX_BYTES:
            _log.warning("tile %s/%s/%s is no picture, or too large", z, x, y)
            return None
        return Tile(body=body, kind=kind, tag=f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


def source_of(entry: MapEntry) -> Source | None:
    """Where the tiles of this map lie; None where another server has them. Raises ConfigError, in words."""
    path = entry.tiles
    if path is None:
        return None
    if not path.exists():
        raise ConfigError(
            Bilingual(
                f"web.map.tiles: {path} does not exist; name a folder of tiles or an .mbtiles file",
                zh=f"web.map.tiles：{path} 不存在；请写放瓦片的文件夹或 .mbtiles 文件",
            )
        )
    source: Source = FolderTiles(path) if path.is_dir() else MbTiles(path)
    least, most = entry.zooms(source.zooms)
    if least > most or least > source.zooms[1] or most < source.zooms[0]:
        has = f"{source.zooms[0]} to {source.zooms[1]}"
        raise ConfigError(
            Bilingual(
                f"web.map: {path} has tiles of zoom {has}; min_zoom and max_zoom ask for {least} to {most}",
                zh=f"web.map：{path} 有 {has} 级的瓦片；min_zoom 和 max_zoom 要的是 {least} 到 {most} 级",
            )
        )
    return source


def credit_of(entry: MapEntry, source: Source | None) -> str:
    """Whose map it is, as plain words: what the settings say, else what the file says (often in HTML)."""
    told = entry.attribution.strip() or ("" if source is None else source.attribution)
    return html.unescape(re.sub(r"<[^>]*>", "", told)).strip()[:300]


def kind_of(body: bytes) -> str | None:
    """What a picture is by its first bytes; None: none that browsers are given."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if body[:4] == b"RIFF" and body[8:12] == b"WEBP" else None


def _is_zoom(name: str) -> bool:
    return name.isascii() and name.isdecimal() and int(name) <= DEEPEST


def _tiles_in(folder: Path, zooms: list[int]) -> Iterator[Path]:
    """Some tiles: a folder may hold millions of them."""
    for zoom in zooms:
        for column in _some(folder / str(zoom)):
            if column.is_dir():
                yield from (one for one in _some(column) if one.suffix in _ENDINGS and one.stem.isdecimal())


def _some(folder: Path) -> Iterator[Path]:
    return islice(folder.iterdir(), _LOOKED_AT)
