"""The gateway's own box as a sensor: queue, card, clock, memory, heat, power, starts."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fixtures.quick_time import run_quickly

from config.box import BOX_SAYS, BoxPart, LidPart
from config.home import GatewayPart, Home
from config.presets import preset
from gateway import supply
from gateway.board import card_wear, is_under_voltage, memory_free, temperature
from gateway.box import SAY_ALL_MS, Box, disk_used
from gateway.outbox import Stored
from gateway.supply import Supply, supply_of
from rules.preset import rules_of
from shouwang.alert import Sentence
from shouwang.driver import Sample
from shouwang.errors import TryLater
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.wire import Envelope, GapBody, Lane, MessageId, encode


class Wall:
    def error_s(self) -> float | None:
        return 75.0


class Clock:
    wall = Wall()

    def __init__(self) -> None:
        self.now = 1_000_000

    def mono(self) -> int:
        return self.now


def waiting(lane: Lane, mono: int) -> Stored:
    body = GapBody(reason="x", count=0)
    message = Envelope(
        id=MessageId(gateway="gw-1", epoch="0123456789abcdef", lane=lane, seq=1),
        created_at=datetime(2026, 11, 26, tzinfo=UTC),
        boot="b",
        mono=mono,
        body=body,
    )
    return Stored("0123456789abcdef", lane, 1, encode(message))


async def nothing(lane, after, limit):
    return []


class Watched:
    """A box that looks each minute, on a board made of files."""

    def __init__(self, root: Path, pending=nothing) -> None:
        self.root = root
        self.clock = Clock()
        self.spoken: list[Sentence] = []
        self.starts = 1
        part = GatewayPart(id="gw-1", data_dir=root)
        self.box = Box(part, self.clock, pending, starts=lambda: self.starts, say=self.spoken.append, root=root)

    def look(self, *changes) -> list[dict[Quantity, float]]:
        """What it says each minute; `changes` are made before the second, the third ... one."""

        async def rounds() -> list[dict[Quantity, float]]:
            heard: list[Sample] = []
            found = []
            task = asyncio.create_task(self.box.run(heard.append))
            for change in (*changes, None):
                await asyncio.sleep(59)
                found.append({one.quantity: one.value for one in heard})
                heard.clear()
                self.clock.now += 60_000
                if change is not None:
                    change()
                await asyncio.sleep(1)
            task.cancel()
            return found

        return run_quickly(rounds())


def put(root: Path, **files: str) -> None:
    """Files of the kernel; __ in a name stands for /."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


# ---- queue, card, clock ----


def test_the_oldest_message_of_any_lane_gives_the_age_of_the_queue(tmp_path):
    messages = {Lane.STATE: [waiting(Lane.STATE, 400_000)], Lane.TELEMETRY: [waiting(Lane.TELEMETRY, 700_000)]}

    async def pending(lane, after, limit):
        return messages.get(lane, [])[:limit]

    (found,) = Watched(tmp_path, pending).look()
    assert found[Quantity.QUEUE_AGE] == 600


def test_an_empty_queue_has_no_age(tmp_path):
    (found,) = Watched(tmp_path).look()
    assert (found[Quantity.QUEUE_AGE], found[Quantity.CLOCK_ERROR], found[Quantity.STARTS]) == (0, 75.0, 1)


def test_a_card_that_does_not_answer_is_not_guessed_at(tmp_path):
    async def pending(lane, after, limit):
        raise TryLater("the card sleeps")

    (found,) = Watched(tmp_path, pending).look()
    assert Quantity.QUEUE_AGE not in found
    assert 0 < found[Quantity.DISK_USED] <= 100


def test_a_folder_lies_on_a_card_of_some_size(tmp_path):
    assert 0 < disk_used(tmp_path) < 100


def test_what_this_board_does_not_tell_is_not_said(tmp_path):
    (found,) = Watched(tmp_path).look()
    assert set(found) == {Quantity.QUEUE_AGE, Quantity.DISK_USED, Quantity.CLOCK_ERROR, Quantity.STARTS}


def test_what_has_changed_is_said_at_once_and_all_of_it_each_quarter_of_an_hour(tmp_path):
    watched = Watched(tmp_path)
    heat = "sys__class__thermal__thermal_zone0__temp"
    put(tmp_path, **{heat: "50000"})

    def restart() -> None:
        watched.starts = 2

    def later() -> None:
        watched.clock.now += SAY_ALL_MS

    first, same, warmer, hot, again, all_ = watched.look(
        lambda: None, lambda: put(tmp_path, **{heat: "51000"}), lambda: put(tmp_path, **{heat: "81000"}), restart, later
    )
    assert (first[Quantity.BOX_TEMPERATURE], same, warmer) == (50, {}, {})
    assert (hot, again) == ({Quantity.BOX_TEMPERATURE: 81}, {Quantity.STARTS: 2})
    assert set(all_) == set(first)


# ---- the board ----


@pytest.mark.parametrize(
    ("zones", "hottest"),
    [
        ({"0": ("cpu-thermal", "48312")}, 48.312),
        ({"0": ("acpitz", "90000"), "1": ("x86_pkg_temp", "55000"), "2": ("iwlwifi_1", "70000")}, 55),
        ({"0": ("cpu0-thermal", "51000"), "1": ("cpu1-thermal", "63000")}, 63),
        ({"0": ("acpitz", "40000"), "1": ("nvme", "60000")}, 40),
        ({"0": ("soc-thermal", "-3000")}, -3),
        ({"0": ("cpu-thermal", "")}, None),
        ({}, None),
    ],
)
def test_heat_is_that_of_the_cores(tmp_path, zones, hottest):
    for number, (kind, heat) in zones.items():
        zone = f"sys__class__thermal__thermal_zone{number}"
        put(tmp_path, **{f"{zone}__type": kind + "\n", f"{zone}__temp": heat + "\n"})
    assert temperature(tmp_path) == hottest


def test_zone_that_cannot_be_read_now_is_left_out(tmp_path):
    put(tmp_path, sys__class__thermal__thermal_zone0__type="cpu-thermal")
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").mkdir()
    assert temperature(tmp_path) is None


@pytest.mark.parametrize(("alarm", "is_low"), [("1\n", True), ("0\n", False), ("", None)])
def test_supply_voltage_of_a_pi(tmp_path, alarm, is_low):
    put(tmp_path, sys__class__hwmon__hwmon0__name="cpu_thermal", sys__class__hwmon__hwmon0__in0_lcrit_alarm="1")
    assert is_under_voltage(tmp_path) is None
    put(tmp_path, sys__class__hwmon__hwmon1__name="rpi_volt\n", sys__class__hwmon__hwmon1__in0_lcrit_alarm=alarm)
    assert is_under_voltage(tmp_path) is is_low


def test_free_memory_is_what_programs_may_still_have(tmp_path):
    assert memory_free(tmp_path) is None
    put(tmp_path, proc__meminfo="MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  250 kB\nHugePages_Total:\n")
    assert memory_free(tmp_path) == 25
    assert 0 < (memory_free(Path("/")) or 0) <= 100


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "wear"),
    [
        ("0x01 0x01", "0x01", 10), ("0x03 0x08", "0x01", 80), ("0x0b 0x02", "0x01", 110), ("0x00 0x00", "0x00", None),
        ("0x02 0x02", "0x02", 90), ("0x00 0x00", "0x03", 100), ("junk", "", None),
    ],
)  # fmt: skip
def test_wear_of_an_emmc(tmp_path, life_time, pre_eol, wear):
    put(tmp_path, sys__block__mmcblk0__device__life_time=life_time, sys__block__mmcblk0__device__pre_eol_info=pre_eol)
    put(tmp_path, sys__block__mmcblk1__device__name="SD32G")  # an SD card does not tell
    assert card_wear(tmp_path) == wear
    assert wear is None or QUANTITIES[Quantity.CARD_WEAR].is_plausible(wear)


# ---- power ----

MAINS, EMPTY_SLOT = {"type": "Mains", "online": "0"}, {"type": "Battery", "present": "0", "status": "Discharging"}
UPS = {"type": "Battery", "present": "1", "status": "Discharging", "capacity": "87"}
FREE_SOCKET = {"type": "USB", "online": "0"}
MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "3"}


@pytest.mark.parametrize(
    ("supplies", "found"),
    [
        ([], Supply(is_cut=None, battery=None)),
        ([MAINS | {"online": "1"}, UPS | {"status": "Charging"}], Supply(is_cut=False, battery=87)),
        ([MAINS, UPS], Supply(is_cut=True, battery=87)),
        ([MAINS, {"type": "USB", "online": "1"}, UPS], Supply(is_cut=False, battery=87)),
        ([UPS], Supply(is_cut=True, battery=87)),
        ([UPS | {"status": "Full"}], Supply(is_cut=False, battery=87)),
        ([UPS, UPS | {"capacity": "40"}], Supply(is_cut=True, battery=40)),
        ([MOUSE], Supply(is_cut=None, battery=None)),
        ([MAINS | {"online": "1"}, MOUSE], Supply(is_cut=False, battery=None)),
        ([EMPTY_SLOT], Supply(is_cut=None, battery=None)),
        ([{"type": "USB"}], Supply(is_cut=None, battery=None)),
        ([FREE_SOCKET, FREE_SOCKET], Supply(is_cut=None, battery=None)),
        ([FREE_SOCKET, UPS | {"status": "Full"}], Supply(is_cut=False, battery=87)),
        ([FREE_SOCKET, UPS], Supply(is_cut=True, battery=87)),
    ],
)
def test_what_the_box_lives_on(tmp_path, supplies, found):
    for number, files in enumerate(supplies):
        put(tmp_path, **{f"sys__class__power_supply__s{number}__{name}": text for name, text in files.items()})
    assert supply_of(tmp_path) == found


def test_people_at_home_hear_of_a_power_cut_at_once_and_once(tmp_path):
    watched = Watched(tmp_path)
    online = "sys__class__power_supply__ac__online"
    put(tmp_path, **{online: "1"})
    with_power, cut, _, back = watched.look(
        lambda: put(tmp_path, **{online: "0"}), lambda: None, lambda: put(tmp_path, **{online: "1"})
    )
    assert [one.get(Quantity.POWER_CUT) for one in (with_power, cut, back)] == [0, 1, 0]
    assert watched.spoken == [supply.CUT, supply.BACK]


def test_box_that_starts_in_a_power_cut_does_not_talk_of_it(tmp_path):
    watched = Watched(tmp_path)
    put(tmp_path, sys__class__power_supply__ac__online="0")
    assert watched.look()[0][Quantity.POWER_CUT] == 1
    assert watched.spoken == []


# ---- rules ----


def home(**more: object) -> Home:
    return Home.model_validate(
        {
            "gateway": {"id": "gw-1"},
            "resident": {"id": "r1"},
            "uplink": {"url": "mqtt://127.0.0.1"},
            "sensors": [],
        }
        | more
    )


@pytest.mark.parametrize(
    ("more", "is_watched"),
    [
        ({}, True),
        ({"presets": [{"use": "supervision"}]}, True),
        ({"box": {"watch": False}}, False),
        ({"box": {"watch": False}, "presets": [{"use": "box"}]}, True),
    ],
)
def test_the_box_is_watched_where_nobody_says_otherwise(more, is_watched):
    found = home(**more)
    assert found.watches_box is is_watched
    assert ("gateway" in found.facts().emits) is is_watched
    assert ("queue-old:gateway" in {bound.rule.key for bound in found.bound_rules()}) is is_watched


def test_the_preset_watches_all_that_the_box_says():
    watched = {getattr(rule, "quantity", None) for rule in rules_of(preset("box"))}
    assert watched == BOX_SAYS


def test_box_says_nothing_else(tmp_path):
    root = tmp_path
    put(root, proc__meminfo="MemTotal: 9 kB\nMemAvailable: 3 kB", sys__class__thermal__thermal_zone0__temp="1")
    put(root, sys__class__hwmon__hwmon0__name="rpi_volt", sys__class__hwmon__hwmon0__in0_lcrit_alarm="0")
    put(root, sys__block__mmcblk0__device__life_time="0x01 0x01", sys__class__power_supply__b__type="Battery")
    put(root, sys__class__power_supply__b__status="Full", sys__class__power_supply__b__capacity="9")
    (found,) = Watched(root).look()
    assert set(found) == BOX_SAYS


def test_contact_on_the_lid_is_a_rule_of_its_own():
    (rule,) = BoxPart(tamper=(LidPart(sensor="lid"),)).lid_rules()
    assert (rule.id, rule.sensors, rule.quantity, rule.equals, rule.hazard, rule.severity) == (
        "box-opened-lid", ("lid",), Quantity.DOOR, 1, "tamper", "P3",
    )  # fmt: skip
    with_lid = home(
        sensors=[{"kind": "door_contact_zigbee2mqtt", "id": "lid", "topic": "zigbee2mqtt/lid"}],
        local_broker={"url": "mqtt://127.0.0.1"},
        box={"tamper": [{"sensor": "lid"}]},
    )
    assert "box-opened-lid:lid" in {bound.rule.key for bound in with_lid.bound_rules()}
