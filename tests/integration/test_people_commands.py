"""`shouwang community people ...` as its users type it."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fixtures.community_home import NOON, DemoHome
from fixtures.places import spo2, telemetry
from PIL import Image

from community.store.measurement_file import open_file
from shouwang.cli import main

CONFIG = """\
name: Sunny
store: {url: sqlite:///community.db}
broker: {url: mqtt://127.0.0.1:1883}
registry: {key_file: key}
homes:
  - id: home-501
    gateway: gw-1
    address: 3号楼2-501
    resident: {id: resident-0001, name: 王桂兰}
"""


class Desk:
    """A server's folder and the words that its commands say."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        (folder / "community.yaml").write_text(CONFIG, encoding="utf-8")

    def says(self, *words: str, status: int = 0) -> str:
        arguments = [word.replace("@", f"{self.folder}/") for word in words]
        if arguments[:2] != ["key-safe", "new-key"]:
            arguments += ["-c", str(self.folder / "community.yaml")]
        got = main(["community", "people", *arguments])
        said = self._capsys.readouterr()
        assert got == status, said
        return said.out + said.err

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


BY = ("--by", "zhang", "--reason", "the yearly visit")


def test_demo_district_is_one_command_and_twice_is_once(desk: Desk) -> None:
    assert "homes: 40 new, 0 changed, 0 as before" in desk.says("demo")
    assert "homes: 0 new, 0 changed, 40 as before" in desk.says("demo")


def test_what_is_exported_changes_nothing_when_it_comes_back(desk: Desk) -> None:
    desk.says("demo")
    for name in ("out.yaml", "out"):
        desk.says("export", f"@{name}", *BY)
        said = desk.says("import", f"@{name}", *BY)
        assert " new" in said
        assert all("0 new, 0 changed" in line for line in said.splitlines() if " as before" in line)
    assert (desk.folder / "out.yaml").stat().st_mode & 0o077 == 0
    assert "cannot be made" in desk.says("export", "@out", *BY, status=1)
    assert "cannot be written" in desk.says("export", "@out.yaml", *BY, status=1)


HOMES = "id,address,gateway\nh1,A,gw-8\nh2,,gw-9\nh3,C,gw-8\n"


def test_bad_rows_are_told_and_the_others_taken(desk: Desk) -> None:
    desk.write("homes.csv", HOMES)
    said = desk.says("import", "@homes.csv", *BY, status=1)
    assert "homes.csv:3: address: is missing" in said
    assert "homes.csv:4: the box gw-8 stands in homes.csv:2 too" in said
    assert "homes: 1 new, 0 changed, 0 as before" in said
    assert "1 rows can be used, 2 complaints" in desk.says("check", "@homes.csv", status=1)


def test_strict_takes_all_or_nothing_and_dry_run_nothing(desk: Desk) -> None:
    desk.write("homes.csv", HOMES)
    assert "nothing was taken in" in desk.says("import", "@homes.csv", *BY, "--strict", status=1)
    desk.write("homes.csv", "id,address\nh1,A\nhome-501,3号楼2-502\n")
    said = desk.says("import", "@homes.csv", *BY, "--strict", "--dry-run")
    assert "homes: 2 new" in said  # community.yaml has not been read into the tables yet: no server ran
    assert "nothing was written" in said
    assert "homes: 2 new" in desk.says("import", "@homes.csv", *BY)
    desk.write("homes.csv", "id,address\nh1,B\n")
    said = desk.says("import", "@homes.csv", *BY)
    assert "homes h1: address 'A' -> 'B'" in said


def test_box_of_a_home_in_the_file_is_changed_there(desk: Desk) -> None:
    desk.write("homes.csv", "id,address,gateway\nhome-501,A,gw-2\nh2,B,gw-1\n")
    said = desk.says("check", "@homes.csv", status=1)
    assert "homes.csv:2: community.yaml says that the box of home-501 is gw-1; change it there" in said
    assert "homes.csv:3: community.yaml says that the box gw-1 is in home-501; change it there first" in said


def test_table_of_a_chinese_spreadsheet_is_read_when_told_so(desk: Desk) -> None:
    (desk.folder / "homes.csv").write_bytes("id,address\nh1,三号楼\n".encode("gb18030"))
    assert "homes.csv:2: is not utf-8 text" in desk.says("import", "@homes.csv", *BY, status=1)
    assert "homes: 1 new" in desk.says("import", "@homes.csv", *BY, "--encoding", "gb18030")
    assert "no encoding" in desk.says("import", "@homes.csv", *BY, "--encoding", "gbx", status=1)


@pytest.mark.parametrize(
    ("name", "why"),
    [("people.csv", "is no table; name it places.csv"), ("x.txt", "is neither"), ("gone.yaml", "cannot be read")],
)
def test_file_that_is_no_register_is_told(desk: Desk, name: str, why: str) -> None:
    if not name.startswith("gone"):
        desk.write(name, "")
    assert why in desk.says("check", f"@{name}", status=1)
    (desk.folder / "empty").mkdir()
    assert "holds no tables" in desk.says("check", "@empty", status=1)


def test_completeness_begins_with_the_worst(desk: Desk) -> None:
    desk.says("demo")
    lines = desk.says("completeness").splitlines()
    assert int(lines[0].split()[0]) < int(lines[-2].split()[0])
    assert lines[-1].endswith("% on the whole, 48 residents")


def test_life_of_one_entry(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.says("demo")
    who = "resident-001a"
    letter = ("--by", "zhang", "--reason", "letter of the clinic")
    assert "is corrected" in desk.says("correct", who, "allergies", "青霉素", "花生", *letter)
    assert "says so already" in desk.says("correct", who, "allergies", "青霉素", "花生", *BY)
    assert "cannot be corrected" in desk.says("correct", who, "nose", "big", *BY, status=1)
    said = ("--said-by", "王桂兰", "--by", "zhang", "--how", "spoken")
    assert "withdrawn" in desk.says("consent", who, "family_view", "withdrawn", *said)
    assert "is no moment" in desk.says("consent", who, "family_view", "given", *said, "--at", "soon", status=1)
    desk.says("dossier", who, "@all", *BY)
    text = (desk.folder / "all" / "dossier.txt").read_text(encoding="utf-8")
    assert "花生" in text
    assert "family_view" in text
    access = desk.says("access", who)
    assert [line.split()[4] for line in access.splitlines()] == ["dossier:", "consent:", "correction"]
    assert "letter of the clinic" not in access, "it may tell of an illness"
    assert "letter of the clinic" in text, "his own copy holds it"
    monkeypatch.setattr("builtins.input", lambda _: "somebody else")
    assert "nothing was erased" in desk.says("erase", who, *BY, status=1)
    monkeypatch.setattr("builtins.input", lambda _: who)
    assert f"{who} is erased: 3 contacts" in desk.says("erase", who, *BY)
    assert "erasure" in desk.says("access", who)
    desk.says("export", "@after.yaml", *BY)
    assert "花生" not in (desk.folder / "after.yaml").read_text(encoding="utf-8")
    assert main(["community", "audit", "verify", "-c", str(desk.folder / "community.yaml")]) == 0


def measured_of(desk: Desk) -> list[float]:
    with closing(sqlite3.connect(desk.folder / "community-measurements.db")) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM samples")]


def test_erasing_reaches_the_file_of_measurements_and_names_what_it_does_not_reach(desk: Desk) -> None:
    with (desk.folder / "community.yaml").open("a", encoding="utf-8") as file:
        file.write("backup: {folder: saved, keep: 3}\n")
        file.write("measurements: {history: {url: 'http://127.0.0.1:9'}}\n")
    (desk.folder / "saved").mkdir()
    today = datetime.now(UTC).astimezone().date()
    for age in (0, 1, 4):
        (desk.folder / "saved" / f"shouwang-{today - timedelta(days=age)}.backup").touch()
    desk.write("homes.csv", "id,address,gateway\nh9,8号楼,gw-demo-0001\n")
    desk.write("residents.csv", "id,home,name\nr9,h9,陈德明\n")
    desk.says("import", "@homes.csv", *BY)
    desk.says("import", "@residents.csv", *BY)

    async def measure() -> None:
        file = await open_file(desk.folder / "community-measurements.db")
        await file.put([telemetry(DemoHome(), spo2(91, NOON), spo2(92, NOON))], NOON)
        await file.close()

    asyncio.run(measure())
    said = desk.says("dossier", "r9", "@d", *BY)
    assert "measurements.csv with 2 values" in said
    assert "gw-demo-0001,oximeter,spo2" in (desk.folder / "d" / "measurements.csv").read_text(encoding="utf-8-sig")
    said = desk.says("erase", "r9", "--yes", *BY, status=1)
    assert measured_of(desk) == []
    assert "the values of 1 series are forgotten" in said
    for age, left in ((0, 3), (1, 2), (4, 1)):
        backup = f"shouwang-{today - timedelta(days=age)}.backup still holds it, until it is let go on"
        assert f"{backup} {today + timedelta(days=left)}" in said
    assert "made by hand before today" in said
    assert "cannot be deleted" in said
    text = (desk.folder / "community.yaml").read_text(encoding="utf-8")
    (desk.folder / "community.yaml").write_text(text.partition("measurements:")[0], encoding="utf-8")
    assert "was erased before" in desk.says("erase", "r9", "--yes", *BY)
    assert "not on file (any more)" in desk.says("erase", "r9", "--yes", *BY, status=1)


def test_key_file_and_codes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "key: the secret cannot be read" in desk.says("key-safe", "seal", status=1)
    assert "keep a copy" in desk.says("key-safe", "new-key", "@key")
    desk.says("demo")
    answers = iter(["47#11", "4712", "47#11", "47#11"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    put = ("key-safe", "set", "home-001", "--by", "zhang", "--hint", "left of the door")
    assert "differ" in desk.says(*put, status=1)
    assert "the code is set" in desk.says(*put)
    assert "0 codes and 0 secrets of authenticator apps are sealed" in desk.says("key-safe", "seal")
    assert b"47#11" not in b"".join(file.read_bytes() for file in desk.folder.glob("community.db*"))


def test_photograph_is_kept_without_place_given_out_and_taken_away(desk: Desk, tmp_path: Path) -> None:
    desk.says("demo")
    exif = Image.Exif()
    exif[0x010F] = "Camera of Wang"
    Image.new("RGB", (900, 1200), (200, 30, 30)).save(tmp_path / "face.png", exif=exif)
    assert "360 x 480 points" in desk.says("photo", "resident-001a", "@face.png", *BY)
    desk.says("dossier", "resident-001a", "@told", *BY)
    assert b"Camera of Wang" not in (tmp_path / "told" / "photo.jpg").read_bytes()
    assert "is gone" in desk.says("photo", "resident-001a", "--take-away", *BY)
    assert "there is none" in desk.says("photo", "resident-001a", "--take-away", *BY)
    desk.write("face.svg", "<svg/>")
    assert "no photo that can be read" in desk.says("photo", "resident-001a", "@face.svg", *BY, status=1)
    assert "not on file" in desk.says("photo", "nobody", "@face.png", *BY, status=1)
    assert "cannot be read" in desk.says("photo", "resident-001a", "@nowhere.png", *BY, status=1)
