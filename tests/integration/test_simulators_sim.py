"""`shouwang sim`: what a person types, from a story to a gateway's configuration and back to what was heard."""

import shutil
from pathlib import Path

import pytest

from config.loader import load
from shouwang import cli
from simulators.cast import EVERY_KIND

needs_dbus = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (apt install dbus)")

RECORDING = "at,quantity,value\n0,systolic,135\n0,diastolic,85\n60,glucose,0\n90,door,1\n120,body-temperature,38.2\n"


def test_the_shipped_stories_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sim", "list"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["clinic", "03:00"],
        ["evening", "01:30"],
    ]


@pytest.mark.parametrize("what", ["clinic", "day.csv"])
def test_a_home_that_hears_the_devices_can_be_used_as_it_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    recording = tmp_path / "day.csv"
    recording.write_text(RECORDING)
    assert cli.main(["sim", "home", str(recording) if what == "day.csv" else what]) == 0
    (tmp_path / "home.yaml").write_text(capsys.readouterr().out)
    home = load(tmp_path / "home.yaml")
    ids = [sensor.id for sensor in home.sensors]
    assert ids == (["cuff", "thermometer", "meter"] if what == "day.csv" else CLINIC)


CLINIC = ["oximeter", "strap", "cuff", "thermometer", "meter", "cgm", "scale", "button", "room"]


@needs_dbus
def test_a_recording_is_played_and_accounted_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.cast.member.LISTENER_S", 0.05)
    recording = tmp_path / "day.csv"
    recording.write_text(RECORDING)
    assert cli.main(["sim", "play", str(recording), "--seconds", "1", "--at-once"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == [
        "played 120 times as fast as recorded: 0 measurements heard, 3 unheard",
        "  sent as not known: glucose 0",
        "  no device measures door: 1 x",
        "heard:",
    ]


@needs_dbus
@pytest.mark.slow
def test_a_story_is_heard_by_a_gateway_that_the_command_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tmp_path / "story.yaml"
    story.write_text(
        "scenario: short\nlasts: 8s\ndevices:\n"
        '  - {kind: thermometer_hts, id: ear, address: "C0:FF:EE:00:00:31"}\n'
        "steps:\n  - {at: 00:02, thermometer: {body-temperature: 38.2}}\n"
    )
    assert cli.main(["sim", "run", str(story), "--gateway"]) == 0
    out = capsys.readouterr().out
    assert "体温计 thermometer ear: 体温 body temperature 38.2 Cel" in out
    assert "ear            body-temperature             1 x  38.2 Cel" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "evening"], "evening: needs a whole home"),
        (["run", "noon"], 'there is no story "noon"; shipped are: clinic, evening'),
        (["run", "no.yaml"], "no.yaml: cannot be read"),
        (["play", "no.csv"], "no.csv: cannot be read"),
    ],
)
def test_what_cannot_be_played_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sim", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_one_device_of_each_kind_has_its_own_id_and_address() -> None:
    assert (
        len({device.id for device in EVERY_KIND}) == len({device.address for device in EVERY_KIND}) == len(EVERY_KIND)
    )
