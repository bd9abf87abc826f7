"""The street map's settings and tiles: what is told in words, what is read, and what can never be reached."""

import asyncio
import threading
from pathlib import Path

import pytest
from fixtures.map_tiles import around, folder_of_tiles, mbtiles_of, picture

from community import tiles
from community.map_settings import MapEntry
from community.settings import load
from community.tiles import AT_ONCE, FolderTiles, Shelf, credit_of, kind_of, source_of
from shouwang.cli import main
from shouwang.errors import ConfigError, TryLater

SMALL = "name: Sunshine\nbroker: {url: mqtt://127.0.0.1:1883}\nstore: {url: sqlite:///c.db}\n"
HERE = (31.2304, 121.4737)
OUTSIDE = "https://tiles.example.org/{z}/{x}/{y}.png"


def settings(folder: Path, written: str) -> Path:
    path = folder / "community.yaml"
    path.write_text(SMALL + f"web: {{map: {{{written}}}}}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "a map has tiles or url, one of the two"),
        (f'tiles: t, url: "{OUTSIDE}", attribution: x', "a map has tiles or url, one of the two"),
        (f'url: "{OUTSIDE}"', "write attribution"),
        ('url: "https://{s}.example.org/{z}/{x}/{y}.png", attribution: x', "is no address of tiles"),
        ('url: "https://t.example.org/{s}/{z}/{x}/{y}.png", attribution: x', "one host serves them all"),
        ('url: "https://t.example.org/{z}/{x}.png", attribution: x', "needs {y} once"),
        ('url: "ftp://t.example.org/{z}/{x}/{y}", attribution: x', "is no address of tiles"),
        ("url: \"https://a;script-src 'unsafe-inline'/{z}/{x}/{y}\", attribution: x", "is no address of tiles"),
        ('url: "https://u:p@t.example.org/{z}/{x}/{y}", attribution: x', "is no address of tiles"),
        ("tiles: t, min_zoom: 9, max_zoom: 4", "min_zoom 9 is more than max_zoom 4"),
        ("tiles: t, max_zoom: 23", "max_zoom"),
        ("tiles: t, datum: bd09", "wgs84, gcj02"),
        ("tile: t", 'did you mean "tiles"?'),
    ],
)
def test_wrong_settings_are_told_in_words(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(settings(tmp_path, written))
    assert said in str(error.value)


def test_only_the_host_that_is_named_is_one_for_pictures() -> None:
    assert MapEntry(url=OUTSIDE, attribution="x").outside == "https://tiles.example.org"
    assert MapEntry(url="http://10.0.0.7:8081/{z}/{x}/{y}", attribution="x").outside == "http://10.0.0.7:8081"
    assert MapEntry(tiles=Path("t")).outside == ""


def test_paths_begin_at_the_file(tmp_path: Path) -> None:
    assert load(settings(tmp_path, "tiles: maps/t")).web.map == MapEntry(tiles=tmp_path / "maps/t")
    assert load(settings(tmp_path, f'url: "{OUTSIDE}", attribution: x')).web.map is not None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("nothing", "does not exist; name a folder of tiles or an .mbtiles file"),
        ("empty", "holds no tiles; they lie at zoom/column/row.png"),
        ("text", "is no map that can be read"),
        ("vectors", "holds pbf tiles (vectors); make or buy raster tiles"),
        ("no-rows", "holds no tiles"),
        ("deeper", "has tiles of zoom 15 to 16; min_zoom and max_zoom ask for 3 to 9"),
    ],
)
def test_check_tells_of_tiles_that_are_of_no_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: str, said: str
) -> None:
    path = tmp_path / "t"
    if made == "empty":
        (path / "5").mkdir(parents=True)
    elif made == "text":
        path.write_text("this is no map")
    elif made == "vectors":
        mbtiles_of(path, around(*HERE, (15,), reach=0), format="pbf")
    elif made == "no-rows":
        mbtiles_of(path, ())
    elif made == "deeper":
        folder_of_tiles(path, around(*HERE, (15, 16), reach=0))
    zooms = ", min_zoom: 3, max_zoom: 9" if made == "deeper" else ""
    assert main(["community", "check", "-c", str(settings(tmp_path, f"tiles: t{zooms}"))]) != 0
    assert said in capsys.readouterr().err


def test_check_says_who_is_asked_and_which_datum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_tiles(tmp_path / "t", around(*HERE, (15, 16), reach=0))
    assert main(["community", "check", "-c", str(settings(tmp_path, "tiles: t, datum: gcj02"))]) == 0
    said = capsys.readouterr().out
    assert f"street map: {tmp_path / 't'}, zoom 15 to 16, drawn in gcj02" in said
    assert "most maps may be shown only with attribution" in said
    assert "every browser" not in said
    assert main(["community", "check", "-c", str(settings(tmp_path, f'url: "{OUTSIDE}", attribution: x'))]) == 0
    assert "every browser of the console asks https://tiles.example.org for it" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["png", "jpg"])
async def test_a_folder_gives_its_tiles_and_nothing_else(tmp_path: Path, ending: str) -> None:
    (tile,) = around(*HERE, (15,), reach=0)
    shelf = Shelf(FolderTiles(folder_of_tiles(tmp_path / "t", [tile], ending=ending)))
    found = await shelf.tile(*tile)
    assert found is not None
    assert found.body == (tmp_path / "t" / f"{tile[0]}/{tile[1]}/{tile[2]}.{ending}").read_bytes()
    assert found.kind == ("image/png" if ending == "png" else "image/jpeg")
    for nowhere in ((15, tile[1] + 1, tile[2]), (15, 1 << 15, 0), (0, 0, 1), (23, 0, 0), (-1, 0, 0), (15, -1, 0)):
        assert await shelf.tile(*nowhere) is None


async def test_one_file_gives_its_tiles_with_rows_from_the_north(tmp_path: Path) -> None:
    tile, other = (15, 27443, 13392), (15, 27443, 13393)
    path = mbtiles_of(tmp_path / "map.mbtiles", [tile], attribution='<a href="https://x.example">Bureau</a> &amp; Sons')
    entry = MapEntry(tiles=path)
    source = source_of(entry)
    assert source is not None
    assert source.zooms == (15, 15)
    assert credit_of(entry, source) == "Bureau & Sons"
    shelf = Shelf(source)
    found = await shelf.tile(*tile)
    assert found is not None
    assert found.body == picture(*tile)
    assert await shelf.tile(*other) is None


async def test_a_file_that_breaks_is_told_and_works_again_when_it_is_whole(tmp_path: Path) -> None:
    tile = (15, 27443, 13392)
    path = mbtiles_of(tmp_path / "map.mbtiles", [tile])
    source = source_of(MapEntry(tiles=path))
    assert source is not None
    whole = path.read_bytes()
    path.write_bytes(b"torn" * 1000)
    shelf = Shelf(source)
    with pytest.raises(TryLater):
        await shelf.tile(*tile)
    path.write_bytes(whole)
    assert await shelf.tile(*tile) is not None


async def test_what_is_no_picture_is_given_to_nobody(tmp_path: Path) -> None:
    folder = folder_of_tiles(tmp_path / "t", [(3, 1, 1)])
    for number, body in enumerate(
        (b"<html><script>alert(1)</script>", b"", b"\x89PNG\r\n\x1a\n" + bytes(tiles.MAX_BYTES))
    ):
        (folder / "3/1/2.png").write_bytes(body)
        assert await Shelf(FolderTiles(folder)).tile(3, 1, 2) is None, number
    assert kind_of(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"


class Hanging:
    """A disk that does not answer."""

    zooms = (0, 22)
    attribution = ""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.readers = 0

    def read(self, z: int, x: int, y: int) -> bytes | None:
        self.readers += 1
        self.goes_on.wait()
        return picture(z, x, y)


async def test_a_disk_that_hangs_holds_a_few_threads_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "WITHIN_S", 0.05)
    disk = Hanging()
    shelf = Shelf(disk)
    told = await asyncio.gather(*(shelf.tile(5, 1, y) for y in range(3 * AT_ONCE)), return_exceptions=True)
    assert {type(one) for one in told} == {TryLater}
    assert disk.readers == AT_ONCE
    disk.goes_on.set()
    monkeypatch.setattr(tiles, "WITHIN_S", 10)
    found = await shelf.tile(5, 1, 1)  # its threads are free again
    assert found is not None
    assert disk.readers == AT_ONCE + 1
