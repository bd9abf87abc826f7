"""Backups: made while the server runs, tried out before they count, told when they fail; on both databases."""

import shutil
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from fixtures.community_home import NOON, DemoHome
from fixtures.places import Place, close_place, open_place, spo2, telemetry

from community.daily_backup import DailyBackup
from community.measurement_settings import BackupEntry, KeepEntry, MeasurementsEntry
from community.settings import CommunitySettings, load
from community.store import backups, chain, intake, views
from community.store.backups import Source, back_up, check
from shouwang import cli
from shouwang.errors import ConfigError


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
async def centre(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Place, Source]]:
    """A centre with two cases and, in SQLite, measurements in their own file."""
    if request.param == "postgresql":
        url, file = request.getfixturevalue("postgres").new_database(), None
    else:
        url, file = f"sqlite:///{tmp_path / 'community.db'}", tmp_path / "community-measurements.db"
    place = await open_place(url, file)
    home = DemoHome()
    alerts = [home.envelope(home.alert()), home.envelope(home.alert("smoke:kitchen", hazard="smoke"))]
    await place.community.write(lambda connection: intake.take_in(connection, alerts, NOON))
    await place.write(telemetry(home, *(spo2(90, NOON) for _ in range(20))))
    yield place, Source(url=url, password=None, measured=file)
    await close_place(place)


async def test_a_backup_holds_the_whole_record(centre: tuple[Place, Source], tmp_path: Path) -> None:
    place, source = centre
    audit = await place.community.read(chain.verify)
    facts = back_up(source, tmp_path / "a.backup")
    assert (facts.head, facts.entries, facts.cases) == (audit.head, audit.entries, 1)
    assert facts.samples == (20 if source.measured else None)
    assert check(tmp_path / "a.backup") == facts
    assert (tmp_path / "a.backup").stat().st_mode & 0o077 == 0
    assert [one.name for one in tmp_path.glob(".shouwang-*")] == []


async def test_a_backup_with_one_byte_changed_is_found(centre: tuple[Place, Source], tmp_path: Path) -> None:
    _, source = centre
    file = tmp_path / "a.backup"
    back_up(source, file)
    good = file.read_bytes()
    for place in range(2000, len(good), len(good) // 7):
        file.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            found = check(file)
        except ConfigError:
            continue
        file.write_bytes(good)
        assert found == check(file)  # a byte that means nothing: padding, or a page without rows
    file.write_bytes(good[: len(good) // 2])
    with pytest.raises(ConfigError, match=r"a\.backup"):
        check(file)


async def test_a_record_that_was_changed_makes_no_backup(centre: tuple[Place, Source], tmp_path: Path) -> None:
    place, source = centre
    file = tmp_path / "a.backup"
    back_up(source, file)
    good = file.read_bytes()
    await place.community.write(
        lambda connection: connection.exec_driver_sql("UPDATE incident_events SET body = prev_hash WHERE seq = 1")
    )
    with pytest.raises(ConfigError, match="the record in it is not whole"):
        back_up(source, file)
    assert file.read_bytes() == good


async def test_what_was_written_badly_gets_no_name(
    centre: tuple[Place, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = centre
    file, add = tmp_path / "a.backup", tarfile.TarFile.add
    back_up(source, file)
    good = file.read_bytes()

    def add_half(archive: tarfile.TarFile, name: Path, arcname: str) -> None:
        if not arcname.endswith("json"):
            name.write_bytes(name.read_bytes()[: name.stat().st_size // 2])
        add(archive, name, arcname=arcname)

    monkeypatch.setattr(tarfile.TarFile, "add", add_half)
    with pytest.raises(ConfigError):
        back_up(source, file)
    assert file.read_bytes() == good


async def test_without_space_nothing_is_begun(
    centre: tuple[Place, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = centre
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(ConfigError, match=r"too little space: [0-9]+ MB are needed"):
        back_up(source, tmp_path / "a.backup")
    assert not (tmp_path / "a.backup").exists()


async def test_facts_that_do_not_fit_are_found(tmp_path: Path) -> None:
    place = await open_place(f"sqlite:///{tmp_path / 'c.db'}", None)
    file = tmp_path / "a.backup"
    facts = back_up(Source(url=f"sqlite:///{tmp_path / 'c.db'}", password=None, measured=None), file)
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "x", filter="data")
    (tmp_path / "x/backup.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(facts, cases=7)))
    with tarfile.open(file, "w") as archive:
        for part in ("backup.json", "community.db"):
            archive.add(tmp_path / "x" / part, arcname=part)
    with pytest.raises(ConfigError, match="holds something else than when it was made"):
        check(file)
    await close_place(place)


def test_without_pg_dump_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(backups, "_PROGRAMS", tmp_path)
    with pytest.raises(ConfigError, match="install Debian's package postgresql-client"):
        backups._program("pg_dump")


# ---- commands ----

YAML = """
name: test
store: {url: "sqlite:///community.db"}
broker: {url: "mqtt://127.0.0.1:1"}
measurements: {keep: {raw_days: 10}}
backup: {folder: backups, keep: 2}
"""


def test_commands_write_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "community.yaml").write_text(YAML, encoding="utf-8")
    file = str(tmp_path / "a.backup")
    config = ["-c", str(tmp_path / "community.yaml")]
    assert cli.main(["community", "backup", file, *config]) != 0
    assert "there is no database" in capsys.readouterr().err
    assert cli.main(["community", "audit", "verify", *config]) == 0
    head = capsys.readouterr().out.strip().rpartition(" ")[2]
    assert cli.main(["community", "backup", file, *config]) == 0
    assert cli.main(["community", "restore-check", file, "--head", head]) == 0
    assert f"0 cases, 0 entries; head {head}" in capsys.readouterr().out
    assert cli.main(["community", "restore-check", file, "--head", "beef"]) != 0
    assert "not with beef" in capsys.readouterr().err


def test_settings_say_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "community.yaml").write_text(YAML, encoding="utf-8")
    settings = load(tmp_path / "community.yaml")
    assert settings.backup == BackupEntry(folder=tmp_path / "backups", keep=2)
    assert settings.measurements.to_keep().raw == timedelta(days=10)
    with pytest.raises(ValueError, match="keep quarters at least as long as single readings"):
        KeepEntry(raw_days=100, quarter_days=50)
    with pytest.raises(ValueError, match="without user and password"):
        MeasurementsEntry.model_validate({"history": {"url": "http://u:p@host"}})


# ---- every day ----


@pytest.fixture
async def daily(tmp_path: Path) -> AsyncIterator[tuple[Place, CommunitySettings]]:
    (tmp_path / "community.yaml").write_text(YAML, encoding="utf-8")
    place = await open_place(f"sqlite:///{tmp_path / 'community.db'}", None)
    yield place, load(tmp_path / "community.yaml")
    await close_place(place)


async def test_one_a_day_and_the_newest_are_kept(daily: tuple[Place, CommunitySettings], tmp_path: Path) -> None:
    place, settings = daily
    keeper = DailyBackup(settings, place.community, clock=lambda: place.now, told=lambda: None)
    place.now = datetime(2026, 11, 24, 2, 59).astimezone(UTC)
    await keeper.look()
    assert not (tmp_path / "backups").exists()
    for _ in range(4):
        place.now += timedelta(minutes=1)
        await keeper.look()
        await keeper.look()
        place.now += timedelta(hours=23, minutes=59)
    names = sorted(one.name for one in (tmp_path / "backups").iterdir())
    assert names == ["shouwang-2026-11-26.backup", "shouwang-2026-11-27.backup"]


async def test_a_backup_that_fails_is_one_case_until_it_works(
    daily: tuple[Place, CommunitySettings], tmp_path: Path
) -> None:
    place, settings = daily
    (tmp_path / "backups").write_text("in the way", encoding="utf-8")
    rang: list[int] = []
    place.now = datetime(2026, 11, 24, 4, 0).astimezone(UTC)
    for _ in range(3):
        keeper = DailyBackup(settings, place.community, clock=lambda: place.now, told=lambda: rang.append(1))
        await keeper.look()
        await keeper.look()
        place.now += timedelta(minutes=70)
    (row,) = await place.community.read(lambda connection: views.queue(connection, place.now))
    assert (row.hazard, row.priority.value, row.alerts, row.cleared) == ("backup-failed", "P3", 1, False)
    (tmp_path / "backups").unlink()
    await keeper.look()
    (row,) = await place.community.read(lambda connection: views.queue(connection, place.now))
    assert row.cleared
    assert rang == [1, 1]
    with sqlite3.connect(tmp_path / "community.db") as connection:
        assert connection.execute("SELECT count(*) FROM alerts").fetchone() == (2,)
    connection.close()
