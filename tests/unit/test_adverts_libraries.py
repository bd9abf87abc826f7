"""The seam to the libraries: what their words mean, what they raise, and that only who needs them loads them."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.families import LIBRARIES, Family, adapter, parser_for
from drivers.ble.adverts.library import LibraryParser
from drivers.ble.adverts.meanings import MEASURES, PRESSES, STATES, canonical
from drivers.ble.adverts.sensor_state import Adapter, Library
from drivers.ble.adverts.told import AdvertParser
from shouwang.bilingual import chinese, told_by
from shouwang.driver import Alive, Sample
from shouwang.errors import ConfigError, DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

ADDRESS = "A4:C1:38:61:BB:AA"


def whole(written: str, *, at: float | None = None) -> Advert:
    return Advert.from_ad_structures(bytes.fromhex(written), address=ADDRESS, heard_at=at)


def said(parser: AdvertParser, advert: Advert) -> dict[str, float]:
    return {str(one.quantity): one.value for one in parser.parse(advert) if isinstance(one, Sample)}


@pytest.mark.parametrize(
    ("family", "frame", "values"),
    # custom-components/ble_monitor, tests of each maker; theengs/decoder for Sensirion; thermopro-ble's own tests
    [
        (
            Family.GOVEE,
            "0d09475648353037355f43423942030388ec02010509ff88ec0081c2896400",
            {"temperature": -11.5, "humidity": 33.7, "battery": 100},
        ),
        (
            Family.INKBIRD,
            "04097370730aff9c08f41000ba4e6408",
            {"temperature": 22.04, "humidity": 43.4, "battery": 100},
        ),
        (
            Family.THERMOBEACON,
            "0201060302f0ff15ff110000002716000088063c0c8f01a103b9d70300",
            {"temperature": 24.94, "humidity": 58.06, "battery": 100, "battery-voltage": 3.13},
        ),
        (
            Family.BLUEMAESTRO,
            "11ff330117550e10061eff2f02a6ff030100",
            {"temperature": -20.9, "humidity": 67.8, "battery": 85},
        ),
        (
            Family.SENSORPUSH,
            "0201061106b00a09ecd79db893ba42d611000009ef08ff0089e456bea6b4",
            {"temperature": 22.66, "humidity": 46.07, "air-pressure": 989.65},
        ),
        (Family.SENSIRION, "060953485434580bffd5060006e2e7036a1c65", {"temperature": 27.47, "humidity": 43.37}),
        (
            Family.THERMOPRO,
            "0d0954503335372028323134322907ffc2ee0029022c",
            {"temperature": 23.8, "humidity": 41, "battery": 100},
        ),
        (
            Family.QINGPING,
            "0201061416cdfd080cbf6552342d580104f100ad01020125",
            {"temperature": 24.1, "humidity": 42.9, "battery": 37},
        ),
        (Family.QINGPING, "0201061416cdfd4812005e60342d580804008b09000f0122", {"motion": 0}),
    ],
)
def test_makers(family: Family, frame: str, values: dict[str, float]) -> None:
    assert said(parser_for(family), whole(frame)) == values


def test_every_library_that_is_named_is_there() -> None:
    assert all(isinstance(adapter(family), Adapter) for family in LIBRARIES)


def test_a_library_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="no_such_ble"):
        Library("no_such_ble", "Parser").load()


def test_a_home_loads_the_libraries_of_its_own_sensors_and_no_other() -> None:
    """In a process of its own: nothing is loaded before a family is asked for."""
    names = sorted(
        {library.package for library in LIBRARIES.values()} | {"habluetooth", "sensor_state_data", "aiohttp"}
    )
    code = f"""
import sys
from drivers.ble.adverts.decode import decode_row
from drivers.ble.adverts.families import Family, parser_for
names = {names!r}
parser_for(Family.RUUVI)
print([name for name in names if name in sys.modules])
parser_for(Family.BTHOME)
print([name for name in names if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.splitlines() == ["[]", "['bthome_ble', 'habluetooth', 'sensor_state_data']"]


class Broken:
    """A library's parser that fails as Python does."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def update(self, data: object) -> Any:
        raise self.error


@pytest.mark.parametrize(
    "error", [ValueError("x"), IndexError(), AssertionError(), KeyError("k"), RuntimeError("y"), AttributeError("z")]
)
def test_whatever_a_library_raises_is_a_frame_that_cannot_be_read(error: Exception) -> None:
    broken = Adapter(Library("some_ble", "Parser"), lambda: Broken(error), lambda **given: given)
    with pytest.raises(DecodeError, match="some_ble") as told:
        LibraryParser(broken).parse(Advert(address=ADDRESS))
    assert told.value.__cause__ is error


def update_of(
    *measures: tuple[str, str, object, str | None],
    states: tuple[tuple[str, object], ...] = (),
    events: tuple[tuple[str, str], ...] = (),
) -> Any:
    """A library's update: (name, class, value, unit), (class, value), (key, event)."""
    numbered = list(enumerate(measures))
    return SimpleNamespace(
        devices={None: SimpleNamespace(model="M")},
        entity_values={at: SimpleNamespace(name=name, native_value=value) for at, (name, _, value, _) in numbered},
        entity_descriptions={
            at: SimpleNamespace(device_class=kind, native_unit_of_measurement=unit)
            for at, (_, kind, _, unit) in numbered
        },
        binary_entity_values={at: SimpleNamespace(name=k, native_value=v) for at, (k, v) in enumerate(states)},
        binary_entity_descriptions={at: SimpleNamespace(device_class=k) for at, (k, _) in enumerate(states)},
        events={
            at: SimpleNamespace(name=key, device_key=SimpleNamespace(key=key), event_type=kind)
            for at, (key, kind) in enumerate(events)
        },
    )


def parser_of(update: Any, *, ignored: frozenset[str] = frozenset()) -> LibraryParser:
    fake = SimpleNamespace(update=lambda data: update)
    return LibraryParser(Adapter(Library("some_ble", "Parser", ignored), lambda: fake, lambda **given: given))


@pytest.mark.parametrize(
    ("kind", "value", "unit", "quantity", "ours"),
    [
        ("temperature", 98.6, "°F", Quantity.TEMPERATURE, 37.0),
        ("temperature", 21, "°C", Quantity.TEMPERATURE, 21.0),
        ("pressure", 1013.2, "mbar", Quantity.AIR_PRESSURE, 1013.2),
        ("pressure", 101320, "Pa", Quantity.AIR_PRESSURE, 1013.2),
        ("pressure", 101.32, "kPa", Quantity.AIR_PRESSURE, 1013.2),
        ("voltage", 2980, "mV", Quantity.BATTERY_VOLTAGE, 2.98),
        ("mass", 160, "lb", Quantity.WEIGHT, 72.5747792),
        ("mass", 72500, "g", Quantity.WEIGHT, 72.5),
        ("impedance", 500, "ohm", Quantity.IMPEDANCE, 500.0),
        ("carbon_monoxide", 30, "ppm", Quantity.CARBON_MONOXIDE, 30.0),
        ("voc_index", 100, None, Quantity.VOC_INDEX, 100.0),
        ("heart_rate", 60, "bpm", Quantity.HEART_RATE, 60.0),
    ],
)
def test_units_become_ours(kind: str, value: float, unit: str | None, quantity: Quantity, ours: float) -> None:
    (sample,) = parser_of(update_of(("N", kind, value, unit))).parse(Advert(address=ADDRESS))
    assert isinstance(sample, Sample)
    assert (sample.quantity, sample.value) == (quantity, pytest.approx(ours))


@pytest.mark.parametrize(
    ("kind", "value", "unit"),
    [
        ("temperature", 300.0, "K"),  # a unit that nobody sends is not guessed
        ("temperature", None, "°C"),
        ("temperature", "warm", "°C"),
        ("temperature", True, "°C"),
        ("temperature", float("nan"), "°C"),
        ("pressure", float("inf"), "hPa"),
        ("speed", 3.0, "m/s"),
        ("signal_strength", -60, "dBm"),
    ],
)
def test_what_is_no_measurement_of_ours_is_a_life_sign(kind: str, value: object, unit: str) -> None:
    assert parser_of(update_of(("N", kind, value, unit))).parse(Advert(address=ADDRESS)) == [Alive()]


def test_every_measure_has_units_of_ours_only() -> None:
    for quantity in MEASURES.values():
        assert canonical(quantity, 1.0, "furlong") is None
        assert quantity in QUANTITIES


@pytest.mark.parametrize(("kind", "quantity"), list(STATES.items()))
def test_states(kind: str, quantity: Quantity) -> None:
    for value in (True, False):
        (sample,) = parser_of(update_of(states=((kind, value),))).parse(Advert(address=ADDRESS))
        assert isinstance(sample, Sample)
        assert (sample.quantity, sample.value) == (quantity, float(value))
        is_all_clear = QUANTITIES[quantity].life_safety and not value
        assert sample.quality is (Quality.QUESTIONABLE if is_all_clear else Quality.GOOD)


def test_a_state_that_is_not_known_is_none() -> None:
    assert parser_of(update_of(states=(("smoke", None), ("running", True)))).parse(Advert(address=ADDRESS)) == [Alive()]


def test_what_a_library_fills_wrongly_is_left_out() -> None:
    update = update_of(("V", "voltage", 3.0, "V"), states=(("occupancy", True),))
    wrong = frozenset({"voltage", "occupancy"})
    told = parser_of(update, ignored=wrong).read(Advert(address=ADDRESS))
    assert told.said == (Alive(),)
    assert told.fields == {"v": 3.0, "occupancy": True}


@pytest.mark.parametrize(("kind", "code"), list(PRESSES.items()))
def test_presses_have_the_codes_of_bthome(kind: str, code: int) -> None:
    parser = parser_of(update_of(events=(("button_left", kind),)))
    assert said(parser, Advert(address=ADDRESS)) == {"button": float(code)}


@pytest.mark.parametrize(
    ("key", "kind", "values"),
    [
        ("motion", "motion", {"motion": 1.0}),
        ("motion", "motion_detected", {"motion": 1.0}),
        ("vibration", "vibration", {"vibration": 1.0}),
        ("button", "hold_release", {}),
        ("dimmer", "rotate_left", {}),
        ("lock", "press", {}),
    ],
)
def test_other_events(key: str, kind: str, values: dict[str, float]) -> None:
    assert said(parser_of(update_of(events=((key, kind),))), Advert(address=ADDRESS)) == values


def test_an_event_counts_once_per_frame_and_a_level_every_time() -> None:
    parser = parser_of(update_of(("B", "battery", 90, "%"), events=(("button_0", "press"),)))
    frame, other = record(b"\x01"), record(b"\x02")
    assert [sorted(said(parser, advert)) for advert in (frame, frame, other)] == [
        ["battery", "button"],
        ["battery"],
        ["battery", "button"],
    ]


def record(data: bytes, company: int = 0x1234) -> Advert:
    return Advert(address=ADDRESS, manufacturer_data={company: data})


def test_an_update_without_device_or_value_is_of_another_family() -> None:
    update = update_of()
    update.devices = {}
    with pytest.raises(DecodeError, match="family"):
        parser_of(update).parse(record(b"\x01"))


def test_the_newest_of_merged_records_counts() -> None:
    """Inkbird puts the temperature where others have their number: BlueZ keeps the old records beside the new one."""
    parser = parser_for(Family.INKBIRD)
    rest = bytes.fromhex("f41000ba4e6408")
    old, new = 0x089C, 0x08A0  # 22.04 and 22.08 Cel
    first = Advert(address=ADDRESS, name="sps", manufacturer_data={old: rest})
    both = Advert(address=ADDRESS, manufacturer_data={old: rest, new: rest})
    turned = Advert(address=ADDRESS, manufacturer_data={new: rest, old: rest})
    heard = [said(parser, advert)["temperature"] for advert in (first, both, both, turned)]
    assert heard == [22.04, 22.08, 22.08, 22.08]


def test_devices_without_encryption_have_no_key() -> None:
    for family in Family:
        if family not in (Family.BTHOME, Family.MIBEACON):
            with pytest.raises(DecodeError, match="no key"):
                parser_for(family, key=bytes(16))


def test_a_library_that_is_not_there_is_told_alike_in_both_languages() -> None:
    with pytest.raises(ConfigError, match=r"need the package no_such_ble, .* locks/gateway\.txt") as caught:
        Library("no_such_ble", "Parser").load()
    zh = chinese(told_by(caught.value))
    assert "locks/gateway.txt" in zh
    assert "pip install" not in zh, "refused where the system's own Python is kept by the distribution"
