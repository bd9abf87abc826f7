"""What a beat tells of the box and its sensors: all at first and each hour, else what has changed by enough."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.box import BOX_ID
from gateway.account import TELL_ALL_MS, Account, certificate_end
from gateway.link import Link, link_of
from gateway.whiteboard import Whiteboard
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import BoxFacts, SensorFacts

AT = datetime(2026, 11, 26, tzinfo=UTC)
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


class Clock:
    def __init__(self) -> None:
        self.now = 5_000_000

    def mono(self) -> int:
        return self.now


class Box:
    """A board made of files, and what was heard."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        self.board = Whiteboard()
        self.certificate: Path | None = None
        self.account = Account(
            self.board,
            self.clock,  # type: ignore[arg-type]  # all that it asks of a clock
            certificate=lambda: self.certificate,
            sensors=lambda: {"sos": "button", "door": "contact", BOX_ID: "box"},
            root=root,
        )

    def hear(self, sensor: str, quantity: Quantity, value: float, *, is_late: bool = False) -> None:
        at = AT + timedelta(milliseconds=self.clock.now)
        self.board.note(
            Reading(sensor_id=sensor, quantity=quantity, value=value, at=at, mono=self.clock.now, is_late=is_late)
        )

    def put(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="ascii")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def route(interface: str, metric: int, *, flags: int = 3, to: str = "00000000") -> str:
    return f"{interface}\t{to}\t0101A8C0\t{flags:04X}\t0\t0\t{metric}\t{to}\t0\t0\t0\n"


@pytest.mark.parametrize(
    ("files", "link"),
    [
        ({}, Link()),
        ({"proc/net/route": ROUTES + route("eth0", 100)}, Link(kind="wired")),
        ({"proc/net/route": ROUTES + route("eth0", 100, flags=2)}, Link()),
        ({"proc/net/route": ROUTES + route("eth0", 100, to="0001A8C0")}, Link()),
        ({"proc/net/route": ROUTES + route("eth0", 700) + route("wwan0", 100)}, Link(kind="cellular")),
        ({"proc/net/route": ROUTES + route("ppp0", 100)}, Link(kind="cellular")),
        ({"proc/net/route": ROUTES + "nonsense\neth0 x y z 0 0 many 0 0\n"}, Link()),
        (
            {"proc/net/ipv6_route": f"{'0' * 32} 00 {'0' * 32} 00 {'f' * 32} 00000400 0 0 0 eth0\n"},
            Link(kind="wired"),
        ),
        (
            {
                "proc/net/route": ROUTES + route("wlan0", 600),
                "sys/class/net/wlan0/uevent": "DEVTYPE=wlan\n",
                "proc/net/wireless": "a\nb\n wlan0: 0000   54.  -56.  -256  0 0 0 0 0 0\n",
            },
            Link(kind="wifi", dbm=-56),
        ),
        (
            {
                "proc/net/route": ROUTES + route("wlan0", 600),
                "sys/class/net/wlan0/wireless/x": "",
                "proc/net/wireless": "a\nb\n wlan0: 0000   54.  60.  -256  0 0 0 0 0 0\n",
            },
            Link(kind="wifi"),
        ),
    ],
)
def test_way_out_is_named_as_the_kernel_routes(box: Box, files: dict[str, str], link: Link) -> None:
    for path, text in files.items():
        box.put(path, text)
    assert link_of(box.root) == link


async def test_first_beat_tells_all_and_the_next_nothing(box: Box) -> None:
    box.put("proc/net/route", ROUTES + route("eth0", 100))
    box.hear(BOX_ID, Quantity.POWER_CUT, 0)
    box.hear(BOX_ID, Quantity.BACKUP_BATTERY, 99.6)
    box.hear(BOX_ID, Quantity.DISK_USED, 41.2)
    box.hear("sos", Quantity.BATTERY, 87)
    box.clock.now += 30_000
    facts, sensors = await box.account.news()
    assert facts == BoxFacts(is_on_mains=True, battery=100, disk_used=41, link="wired")
    assert sensors == {"sos": SensorFacts(battery=87, quiet_s=30)}  # nothing was heard of the door; the box is none
    box.clock.now += 60_000
    assert await box.account.news() == (None, {})


async def test_changes_that_matter_are_told_at_once_and_others_not(box: Box) -> None:
    box.hear(BOX_ID, Quantity.POWER_CUT, 0)
    box.hear("sos", Quantity.BATTERY, 87)
    box.hear("sos", Quantity.SIGNAL_STRENGTH, -70)
    await box.account.news()
    box.hear("sos", Quantity.BATTERY, 86)
    box.hear("sos", Quantity.SIGNAL_STRENGTH, -75)
    assert await box.account.news() == (None, {})
    box.hear("sos", Quantity.BATTERY, 85)
    assert (await box.account.news())[1] == {"sos": SensorFacts(battery=85, signal_dbm=-75, quiet_s=0)}
    box.hear("sos", Quantity.SIGNAL_STRENGTH, -81)
    assert (await box.account.news())[1] == {"sos": SensorFacts(battery=85, signal_dbm=-81, quiet_s=0)}
    box.hear(BOX_ID, Quantity.POWER_CUT, 1)
    facts, sensors = await box.account.news()
    assert facts is not None
    assert facts.is_on_mains is False
    assert sensors == {}


async def test_sensor_that_falls_silent_is_told_with_its_last_word(box: Box) -> None:
    box.hear("door", Quantity.DOOR, 1)
    await box.account.news()
    box.clock.now += 60_000
    box.hear("door", Quantity.DOOR, 0, is_late=True)  # what it kept was of long ago, but it was heard
    box.clock.now += 600_000
    box.board.note(SensorStatus(sensor_id="door", state=SensorState.SILENT, since=AT, at=AT, mono=box.clock.now))
    assert (await box.account.news())[1] == {"door": SensorFacts(quiet_s=600)}
    box.clock.now += 60_000
    assert (await box.account.news())[1] == {}


@pytest.mark.parametrize("is_birth", [True, False])
async def test_all_is_told_again_each_hour_and_after_a_birth(box: Box, *, is_birth: bool) -> None:
    box.hear("sos", Quantity.BATTERY, 87)
    await box.account.news()
    if is_birth:
        box.account.begin_anew()
    else:
        box.clock.now += TELL_ALL_MS
    facts, sensors = await box.account.news()
    assert facts == BoxFacts()
    assert sensors["sos"].battery == 87


async def test_certificate_that_cannot_be_read_is_not_told(box: Box, tmp_path: Path) -> None:
    assert certificate_end(None) is None
    assert certificate_end(tmp_path / "none.pem") is None
    box.put("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    box.certificate = tmp_path / "broken.pem"
    assert (await box.account.news())[0] == BoxFacts()
