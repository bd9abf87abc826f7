"""One .mbtiles file (MBTiles 1.3): raster tiles of a map in SQLite, read and never written."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, TryLater

_RASTER = frozenset({"png", "jpg", "jpeg", "webp"})
_BUSY_S = 1.0


class MbTiles:
    """The tiles of a file. Each thread that reads has a connection of its own."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError where the file holds no raster tiles."""
        self._path = path
        self._local = threading.local()
        try:
            told = self._metadata()
            zooms = self._zooms()
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                Bilingual(
                    f"{path}: is no map that can be read ({error}); an .mbtiles file is needed",
                    zh=f"{path}：不是能读的地图（{error}）；需要 .mbtiles 文件",
                )
            ) from error
        form = told.get("format", "png").lower()
        if form not in _RASTER:
            raise ConfigError(
                Bilingual(
                    f"{path}: holds {form} tiles (vectors); make or buy raster tiles, png or jpg",
                    zh=f"{path}：里面是 {form} 瓦片（矢量）；请制作或购买 png 或 jpg 的栅格瓦片",
                )
            )
        if zooms is None:
            raise ConfigError(Bilingual(f"{path}: holds no tiles", zh=f"{path}：里面没有瓦片"))
        self.zooms = zooms
        self.attribution = told.get("attribution", "")

    def read(self, z: int, x: int, y: int) -> bytes | None:
        """A tile; None where the file has none. Raises TryLater."""
        asked = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
        try:
            row = self._connection().execute(asked, (z, x, (1 << z) - 1 - y)).fetchone()  # rows count from the south
        except sqlite3.Error as error:
            self._local.connection = None
            raise TryLater(Bilingual(f"{self._path}: {error}", zh=f"{self._path}：{error}")) from error
        return bytes(row[0]) if row is not None and isinstance(row[0], bytes) else None

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = self._local.connection = self._opened()
        return held

    def _opened(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self._path))}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=_BUSY_S)

    def _metadata(self) -> dict[str, str]:
        with closing(self._opened()) as connection:
            rows = connection.execute("SELECT name, value FROM metadata").fetchall()
        return {str(name): str(value) for name, value in rows}

    def _zooms(self) -> tuple[int, int] | None:
        with closing(self._opened()) as connection:
            least, most = connection.execute("SELECT min(zoom_level), max(zoom_level) FROM tiles").fetchone()
        return None if least is None else (int(least), int(most))
