"""What drivers of Bluetooth devices share: the device's clock, who used it, what was taken in before, what is near."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from dbus_fast.errors import DBusError
from fixtures.timeline import play, status
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.codec.date_time import DateTime
from drivers.ble.complaints import dbus_advice, in_plain_words
from drivers.ble.device_clock import DeviceClock, dated
from drivers.ble.memory import KEPT, Seen
from drivers.ble.near import Near, entry_for, looks_of
from drivers.ble.people import People, consents_in
from drivers.ble.records import Records
from rules.silence import Silence
from shouwang.bilingual import both, chinese, told_by
from shouwang.driver import Alive, Sample
from shouwang.errors import ConfigError, DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import GUEST, Quality
from shouwang.status import SensorState

ZONE = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=ZONE)
SYSTOLIC = Sample(quantity=Quantity.SYSTOLIC, value=120)


def stamp(moment: datetime) -> DateTime:
    return DateTime(
        year=moment.year,
        month=moment.month,
        day=moment.day,
        hour=moment.hour,
        minute=moment.minute,
        second=moment.second,
    )


def clock(behind: timedelta | None = timedelta(0)) -> DeviceClock:
    return DeviceClock(behind, lambda: NOW)


def test_a_right_clock_is_local_time_without_a_zone() -> None:
    moment = clock().moment(stamp(datetime(2026, 11, 24, 8, 0)))  # noqa: DTZ001 - a device's clock has no zone
    assert moment.at == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)


HOUR = timedelta(hours=1)
YEARS = timedelta(days=365 * 6)


def shown(at: datetime, behind: timedelta) -> DateTime:
    """What a clock that is so far behind showed then."""
    return stamp((at - behind).replace(tzinfo=None))


def read(behind: timedelta, at: datetime, before: DeviceClock | None = None, *, is_set: bool = False) -> DeviceClock:
    """The clock as it was found by a visit then."""
    moments = iter([at, at])
    return DeviceClock(behind, lambda: next(moments, NOW), is_set=is_set, before=before)


@pytest.mark.parametrize("behind", [YEARS, -3 * HOUR, timedelta(seconds=61)])
def test_a_wrong_clock_is_corrected_by_how_wrong_it_is(behind: timedelta) -> None:
    just_now = NOW - timedelta(minutes=9)
    assert clock(behind).moment(shown(just_now, behind)).at == just_now


@pytest.mark.parametrize("behind", [YEARS, 5 * HOUR, -5 * HOUR])
def test_what_may_be_older_than_the_clocks_error_is_doubtful(behind: timedelta) -> None:
    """Stamped by the clock when it was right, or when it was wrong: the stamp does not tell."""
    for stamped_behind in (timedelta(), behind):
        assert not clock(behind).moment(shown(NOW - 30 * HOUR, stamped_behind)).is_known


@pytest.mark.parametrize("behind", [timedelta(minutes=29), -timedelta(minutes=29)])
def test_a_clock_that_drifted_misleads_nobody(behind: timedelta) -> None:
    assert clock(behind).moment(shown(NOW - 30 * HOUR, behind)).at == NOW - 30 * HOUR


def test_a_clock_that_cannot_be_set_is_believed_from_the_visit_on_that_found_it_so_wrong() -> None:
    first = read(5 * HOUR, NOW - 48 * HOUR)
    again = read(5 * HOUR + timedelta(seconds=40), NOW - 24 * HOUR, first)
    now = read(5 * HOUR, NOW, again)
    assert now.moment(shown(NOW - 47 * HOUR, 5 * HOUR)).at == NOW - 47 * HOUR
    assert not now.moment(shown(NOW - 49 * HOUR, 5 * HOUR)).is_known


@pytest.mark.parametrize("behind", [YEARS, 5 * HOUR, -5 * HOUR])
def test_what_was_stamped_before_we_set_the_clock_is_not_dated_by_the_right_one(behind: timedelta) -> None:
    """The rest of a transfer that broke off: the clock has been right since the visit before."""
    broken_off = read(behind, NOW - timedelta(minutes=1), is_set=True)
    clock = read(timedelta(), NOW, broken_off)
    fresh = NOW - timedelta(minutes=5)
    assert clock.moment(shown(fresh, behind)).at == fresh
    assert not clock.moment(shown(NOW - 2 * HOUR, behind)).is_known
    assert clock.moment(shown(NOW, timedelta())).at == NOW


def test_what_was_stamped_since_we_set_the_clock_is_known() -> None:
    was_set = read(5 * HOUR, NOW - 48 * HOUR, is_set=True)
    assert read(timedelta(), NOW, was_set).moment(shown(NOW - 30 * HOUR, timedelta())).at == NOW - 30 * HOUR


def test_a_clock_that_went_wrong_again_makes_doubtful_what_it_stamped_meanwhile() -> None:
    was_set = read(5 * HOUR, NOW - 48 * HOUR, is_set=True)
    wrong_again = read(3 * HOUR, NOW, was_set)
    for stamped_behind in (timedelta(), 3 * HOUR):
        assert not wrong_again.moment(shown(NOW - 30 * HOUR, stamped_behind)).is_known
    assert wrong_again.moment(shown(NOW, 3 * HOUR)).at == NOW


def test_a_clock_that_cannot_be_read_this_time_is_as_it_was() -> None:
    was_set = read(5 * HOUR, NOW - timedelta(minutes=1), is_set=True)
    unread = DeviceClock(None, lambda: NOW, before=was_set)
    assert unread.moment(shown(NOW - timedelta(minutes=5), 5 * HOUR)).at == NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    "written",
    [
        DateTime(year=0, month=0, day=0, hour=8, minute=0, second=0),
        DateTime(year=2026, month=2, day=30, hour=8, minute=0, second=0),
        DateTime(year=2000, month=1, day=1, hour=0, minute=3, second=0),
        DateTime(year=2031, month=1, day=1, hour=0, minute=0, second=0),
    ],
)
def test_a_stamp_that_means_nothing_makes_the_value_doubtful_and_not_old(written: DateTime) -> None:
    moment = clock(None).moment(written)
    assert not moment.is_known
    (sample,) = dated([SYSTOLIC], moment)
    assert (sample.quality, sample.measured_at) == (Quality.QUESTIONABLE, None)


def test_without_a_stamp_it_was_measured_now() -> None:
    (sample,) = dated([SYSTOLIC, Alive()], clock().moment(None))
    assert sample == SYSTOLIC


def test_users_of_a_device_are_told_apart() -> None:
    people = People({1: "wang", 2: "li"}, "wang")
    told = {user: people.of(user, [SYSTOLIC])[0].resident_id for user in (1, 2, 3, None)}
    assert told == {1: "", 2: "li", 3: GUEST, None: GUEST}


def test_without_users_whoever_uses_it_is_the_resident() -> None:
    assert {People({}, "wang").of(user, [SYSTOLIC])[0].resident_id for user in (None, 0, 7)} == {""}


def test_what_was_taken_in_before_is_known_after_a_restart() -> None:
    seen = Seen({})
    note = seen.add(("li", "2026-11-24", 120))
    again = Seen({note.name: note.text})
    assert again.has(("li", "2026-11-24", 120))
    assert not again.has(("li", "2026-11-24", 121))


def test_only_the_last_are_remembered() -> None:
    seen = Seen({})
    for number in range(KEPT + 5):
        note = seen.add(number)
    again = Seen({note.name: note.text})
    assert [again.has(number) for number in (4, 5, KEPT + 4)] == [False, True, True]
    assert len(note.text) < 5000


def test_consents_are_read_and_what_is_wrong_is_named(tmp_path) -> None:
    file = tmp_path / "consents"
    file.write_text("1 4711\n\n2 0815\n")
    assert consents_in(file) == {1: 4711, 2: 815}
    file.write_text("1 4711\nli 12\n")
    with pytest.raises(ConfigError, match=rf"{file}:2: .*is not a user number and a code"):
        consents_in(file)
    file.write_text("1 99999\n")
    with pytest.raises(ConfigError, match="codes up to 9999"):
        consents_in(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        consents_in(tmp_path / "nothing")


ALL, LAST = bytes((1, 1)), bytes((1, 6))
SUCCESS, NO_RECORDS, REFUSED = (bytes((6, 0, 1, code)) for code in (1, 6, 3))


def from_on(number: int) -> bytes:
    return bytes((1, 3, 1)) + number.to_bytes(2, "little")


def test_a_meter_that_is_not_known_tells_all_its_records() -> None:
    records = Records({})
    assert records.begin() == ALL
    assert records.took(3).text == "3"
    assert records.took(4).text == "4"
    assert not records.is_over
    assert records.answered(SUCCESS) is None
    assert records.is_over


def test_a_transfer_that_broke_off_goes_on_after_the_last_record() -> None:
    note = Records({}).took(7)
    records = Records({note.name: note.text})
    assert records.begin() == from_on(8)
    records.took(8)
    assert records.answered(SUCCESS) is None
    assert records.begin() == from_on(9)


def test_a_meter_with_nothing_new_is_asked_for_its_newest_and_no_more() -> None:
    records = Records({"last-record": "7"})
    records.begin()
    assert records.answered(NO_RECORDS) == LAST
    assert records.took(7).text == "7"
    assert records.answered(SUCCESS) is None
    assert records.is_over


def test_a_meter_that_was_emptied_is_asked_for_all() -> None:
    records = Records({"last-record": "700"})
    records.begin()
    records.answered(NO_RECORDS)
    records.took(2)
    assert records.answered(SUCCESS) == ALL
    assert [records.took(number).text for number in (1, 2)] == ["1", "2"]
    assert records.answered(SUCCESS) is None
    assert records.begin() == from_on(3)


def test_a_meter_that_cannot_tell_its_newest_is_left_in_peace() -> None:
    records = Records({"last-record": "7"})
    records.begin()
    records.answered(NO_RECORDS)
    assert records.answered(REFUSED) is None
    assert records.is_over


def test_a_refusal_is_told() -> None:
    records = Records({})
    records.begin()
    with pytest.raises(DeviceError, match="refuses to tell its records"):
        records.answered(REFUSED)


@given(st.lists(st.integers(0, 0xFFFF), max_size=20))
def test_the_next_request_is_always_after_the_highest_record(numbers: list[int]) -> None:
    records = Records({})
    records.begin()
    for number in numbers:
        note = records.took(number)
    restarted = Records({note.name: note.text} if numbers else {})
    highest = max(numbers, default=0xFFFF)
    assert restarted.begin() == (ALL if highest == 0xFFFF else from_on(highest + 1))


@pytest.mark.parametrize(
    ("advert", "kind", "family"),
    [
        (Advert(address="A", service_uuids=(uuid16(0x1810),)), "blood_pressure_monitor_blp", None),
        (Advert(address="A", service_uuids=(uuid16(0x181D), uuid16(0x181B))), "weight_scale_wss", None),
        (Advert(address="A", service_data={uuid16(0xFCD2): bytes.fromhex("4002c409")}), "advert_sensor", "bthome"),
        (Advert(address="A", service_data={uuid16(0xFE95): b"\x30\x58"}), "advert_sensor", "mibeacon"),
        (
            Advert(address="A", manufacturer_data={0x004C: bytes.fromhex("0215" + "11" * 16 + "00010002c5")}),
            "advert_sensor",
            "beacon",
        ),
    ],
)
def test_a_device_is_recognised_by_its_advert(advert: Advert, kind: str, family: str | None) -> None:
    looks = looks_of(advert)
    assert looks is not None
    assert (looks.kind, looks.family) == (kind, family)


def test_a_stranger_is_not_guessed_at() -> None:
    assert looks_of(Advert(address="A", manufacturer_data={0x0006: b"\x01\x09\x20\x02"}, name="TV")) is None


def test_the_entry_to_paste_can_be_used_as_it_is() -> None:
    looks = looks_of(Advert(address="A", service_uuids=(uuid16(0x1810),)))
    near = Near(address="C0:FF:EE:00:00:02", name="BP", rssi_dbm=-60, looks=looks)
    assert entry_for(near, adapter="hci1", taken=frozenset({"blood-pressure-monitor"})) == (
        "  - kind: blood_pressure_monitor_blp\n"
        "    id: blood-pressure-monitor-2\n"
        "    address: C0:FF:EE:00:00:02\n"
        "    adapter: hci1"
    )


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "systemctl start bluetooth", "蓝牙服务没有运行"),
        ("org.freedesktop.DBus.Error.AccessDenied", "sudo usermod -aG bluetooth shouwang-gateway", "加入 bluetooth 组"),
        ("org.bluez.Error.NotReady", "rfkill unblock bluetooth", "蓝牙关着"),
        ("org.bluez.Error.InProgress", "another program uses the adapter", "另有程序在用这个适配器"),
        ("org.bluez.Error.AuthenticationFailed", "shouwang gateway pair ADDRESS", "先让设备与网关配对"),
        ("org.example.Error.Unheard", "systemctl restart bluetooth", "如果一直这样"),
    ],
)
def test_what_to_do_about_bluetooth_is_said_in_both_languages(name: str, en: str, zh: str) -> None:
    advice = dbus_advice(name)
    assert en in advice
    assert zh in chinese(advice)


@pytest.mark.parametrize(
    ("error", "zh"),
    [
        (TimeoutError(), "查找 C0:FF:EE:00:00:01：没有及时应答；如果它需要配对：shouwang gateway pair 地址"),
        (ConnectionRefusedError("refused"), "连不上蓝牙服务（D-Bus）：refused；启动它：systemctl start bluetooth"),
    ],
)
def test_failures_of_bluetooth_carry_both_languages(error: Exception, zh: str) -> None:
    what = both("the search for {address}", "查找 {address}", address="C0:FF:EE:00:00:01")
    with pytest.raises(DeviceError) as caught, in_plain_words("hci0", what):
        raise error
    assert chinese(told_by(caught.value)).startswith(zh)
    assert "systemctl" in str(caught.value)


def test_what_to_do_stands_before_bluetoothds_own_words_whole_in_an_alarm() -> None:
    """An alarm of a silent sensor keeps the beginning of a reason only."""
    error = DBusError("org.freedesktop.DBus.Error.AccessDenied", 'Rejected send message, 2 matched rules; type="m"' * 9)
    what = both("the search for {address}", "查找 {address}", address="C0:FF:EE:00:00:01")
    with pytest.raises(DeviceError) as caught, in_plain_words("hci0", what):
        raise error
    told = msgspec.structs.replace(
        status(0, SensorState.DOWN, reason=str(caught.value)), reason_zh=chinese(told_by(caught.value))
    )
    (alarm,) = play([Silence(kind="silence", id="silent")], [told], until=120)
    assert "sudo usermod -aG bluetooth shouwang-gateway; then restart the gateway (" in alarm.why.en
    assert "sudo usermod -aG bluetooth shouwang-gateway；然后重启网关（" in alarm.why.zh
