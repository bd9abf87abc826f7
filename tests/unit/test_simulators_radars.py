"""What simulated radars say, against captured frames and those in the makers' documents."""

import asyncio
import json
from pathlib import Path

import pytest

from simulators.serial import ld24xx, mr60, r60
from simulators.serial.bed_radar import BedRadar
from simulators.serial.instrument import Utterance
from simulators.tally import Tally


def test_reports_of_hilink_equal_the_recorded_ones(shared: Path) -> None:
    rows = json.loads((shared / "vectors/serial/radar-hlk.json").read_text(encoding="utf-8"))["vectors"]
    recorded = {row["id"]: bytes.fromhex(row["hex"]) for row in rows if "hex" in row}
    seen = ld24xx.targets([(-500, 1000, -5)])
    assert seen[:4] + seen[4:10] == recorded["radar-hlk-d014"][:10]
    assert ld24xx.targets([])[-2:] == recorded["radar-hlk-d016"][-2:]
    assert len(seen) == len(recorded["radar-hlk-d016"])
    assert ld24xx.reply(0xFF, is_success=True, data=b"\x01\x00\x40\x00") == recorded["radar-hlk-d013"]
    assert ld24xx.reply(0x60, is_success=True) == recorded["radar-hlk-d010"]


def test_the_makers_example_of_the_tracking_radar() -> None:
    """Hi-Link's instruction manual of the HLK-LD2450 V1.00, chapter 6."""
    wanted = bytes.fromhex("AAFF03000E03B186100040010000000000000000000000000000000055CC")
    assert ld24xx.targets([(-782, 1713, -16)]) == wanted


def test_a_report_of_the_presence_radar_as_captured() -> None:
    """aio-ld2410, tests/protocol/test_reports.py."""
    found = ld24xx.report(state=2, moving_cm=81, moving=0, still_cm=0, still=59)
    assert found == bytes.fromhex("f4f3f2f10d0002aa0251000000003b00005500f8f7f6f5")


def test_frames_of_the_second_family_equal_those_of_others() -> None:
    """ESPHome's seeed_mr60fda2: a query; its decoders' tests build what the modules say in the same way."""
    assert mr60.frame(mr60.PARAMETERS, b"", frame_id=0) == bytes.fromhex("0100000000 0e06 f6")
    assert mr60.frame(mr60.FALL, b"\x01") == bytes.fromhex("01 8000 0001 0e02 73 01 fe")


@pytest.mark.parametrize("is_early", [False, True])
async def test_a_bed_radar_says_what_modules_say(is_early: bool, tmp_path: Path) -> None:
    """vladkozlov69/MR60BHA1, dump.txt, for the early one; 60ghzbreathheart.h for the other."""
    radar = BedRadar(Tally(), sensor_id="bed", link=tmp_path / "bed", model=b"MR60BHA1", is_early=is_early)
    radar.breathe(heart=60, breath=13)
    said = [one.frame.hex() for one in radar.report()]
    early = {"5359810200013c6c5443", "5359810500010d405443", "53598108000200427954 43".replace(" ", "")}
    late = {"5359850200013c705443", "5359810200010d3d5443", "5359800400020042745443"}
    assert (early if is_early else late) <= set(said)
    assert "53590101 0001 0f be 5443".replace(" ", "") in said


async def test_a_bed_radar_answers_as_modules_do(tmp_path: Path) -> None:
    radar = BedRadar(Tally(), sensor_id="bed", link=tmp_path / "bed")

    def ask(control: int, command: int) -> list[Utterance]:
        return [*radar.answers(r60.frame(control, command, r60.ASK))]

    assert [one.frame for one in ask(0x02, 0xA1)] == [r60.frame(0x02, 0xA1, b"R60ABD1")]
    assert [one.frame for one in ask(0x84, 0x81)] == [r60.frame(0x84, 0x81, b"\x01")]
    assert [one.frame for one in ask(0x85, 0x82)] == [r60.frame(0x85, 0x82, b"\x3e")]
    assert ask(0x83, 0x81) == []
    await radar.leave()
    assert [one.frame[6] for one in ask(0x85, 0x82)] == [0], "nobody is there"
    assert radar.asked[0] == (0x02, 0xA1, r60.ASK)


async def test_a_person_walks_through_the_room(tmp_path: Path) -> None:
    radar = ld24xx.TrackingRadar(Tally(), sensor_id="radar", link=tmp_path / "radar")
    empty = ld24xx.targets([])
    assert radar.seen().frame == empty
    radar.walk((0, 100), (0, 300), over_s=1000)
    await asyncio.sleep(0)
    begin = radar.seen().frame
    assert begin[6:8] == (1000 | 0x8000).to_bytes(2, "little")
    assert begin[8:10] == (1 | 0x8000).to_bytes(2, "little"), "slowly away"
    radar.walk((50, 50))
    assert radar.seen().frame == ld24xx.targets([(500, 500, 0)])
    radar.lose()
    assert radar.seen().frame == empty
    radar.walk((50, 50))
    radar.walk((0, 200), who="visitor")
    assert radar.seen().frame == ld24xx.targets([(500, 500, 0), (0, 2000, 0)])
    radar.leave()
    assert radar.seen().frame == ld24xx.targets([(0, 2000, 0)])


async def test_a_radar_in_configuration_mode_is_mute_and_takes_commands(tmp_path: Path) -> None:
    radar = ld24xx.PresenceRadar(Tally(), sensor_id="radar", link=tmp_path / "radar")
    enable, disable = bytes.fromhex("fdfcfbfa0400ff00010004030201"), bytes.fromhex("fdfcfbfa0200fe0004030201")
    assert len([*radar.report()]) == 1
    assert [one.frame[8] for one in radar.answers(enable[:5])] == []
    assert [one.frame[8] for one in radar.answers(enable[5:])] == [0]
    assert [*radar.report()] == []
    assert [one.frame[8] for one in radar.answers(disable)] == [0]
    assert len([*radar.report()]) == 1
    assert [one.frame[8] for one in radar.answers(disable)] == [1], "it was not on"
