"""Register maps: those that are shipped are whole, mistakes are told with their line, numbers become values."""

import re
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.serial.codec.modbus import READ_INPUTS
from drivers.serial.modbus_block import MAX_REGISTERS, Block, blocks_of, read_block
from drivers.serial.modbus_map import Register, RegisterMap, load_map, shipped
from drivers.serial.modbus_units import CONVERSIONS
from shouwang.document import parse
from shouwang.driver import Alive, Sample
from shouwang.errors import ConfigError, DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality
from simulators.serial.modbus_slaves import ModbusSlave

HEAD = "device: D\nsource: S\ntested: T\n"
MapOf = Callable[..., RegisterMap]


def map_of(*registers: str, more: str = "") -> RegisterMap:
    lines = "".join(f"  - {register}\n" for register in registers)
    return parse(f"{HEAD}{more}registers:\n{lines}", RegisterMap, name="m.yaml")


def answer_to(block: Block, **tables: dict[int, int]) -> bytes:
    asked = block.question
    frame = ModbusSlave(unit=asked.unit, **tables).answer(
        asked.function, asked.address, asked.count, as_unit=asked.unit
    )
    assert frame is not None
    return frame


def values(register_map: RegisterMap, *, rejects: list[DecodeError] | None = None, **tables: dict[int, int]):
    """What all blocks say: quantity to value, and quality where it is not good."""
    told: dict[str, object] = {}
    for block in blocks_of(register_map, 1):
        for one in read_block(block, answer_to(block, **tables), (rejects if rejects is not None else []).append):
            if isinstance(one, Sample):
                told[one.quantity] = one.value if one.quality is Quality.GOOD else (one.value, str(one.quality))
    return told


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_map_is_whole(name: str) -> None:
    found = load_map(name)
    assert found.source
    assert "not seen on real hardware" in found.tested
    assert found.can_say
    for block in blocks_of(found, found.factory.unit or 1):
        period = block.poll.total_seconds()
        assert period <= 2 if block.is_urgent else period <= 60


def test_what_a_home_needs_is_shipped() -> None:
    said = {quantity for name in shipped() for quantity in load_map(name).can_say}
    assert {
        Quantity.SMOKE,
        Quantity.CARBON_MONOXIDE_ALARM,
        Quantity.GAS_ALARM,
        Quantity.LEAK,
        Quantity.TEMPERATURE,
        Quantity.HUMIDITY,
        Quantity.CO2,
        Quantity.DOOR,
        Quantity.SOS,
    } <= said


SHIPPED = {
    # the worked examples of the makers' documents that each map names
    "climate_xymd02": ({"input_registers": {1: 0x0131, 2: 0x0222}}, {"temperature": 30.5, "humidity": 54.6}),
    "climate_sonbest": ({"holding": {0: 0x0079, 1: 0x1388}}, {"temperature": 1.21, "humidity": 50}),
    "co_greystone_cmd5b4": (
        {"holding": {0: 1, 1: 0x01F4, 7: 0}},
        {"carbon-monoxide-alarm": 1, "carbon-monoxide": 500, "problem": 0},
    ),
    "gas_pemtech_pt495": (
        {"holding": {0: 12, 1: 0x0201}},
        {"gas-concentration": 12, "gas-alarm": 1, "problem": 0},
    ),
    "co2_senseair_s8": ({"input_registers": {0: 0, 1: 0, 2: 0, 3: 0x0388}}, {"co2": 904, "problem": 0}),
    "leak_xkc_y25": ({"holding": {1: 1}}, {"leak": 1, "problem": 0}),
    "smoke_contact_waveshare": ({"inputs": {0: 1, 1: 1}}, {"smoke": 1, "problem": 0}),
    "gas_contact_waveshare": ({"inputs": {0: 0, 1: 0}}, {"gas-alarm": 0, "problem": 1}),
    "co_contact_waveshare": ({"inputs": {0: 1, 1: 0}}, {"carbon-monoxide-alarm": 1, "problem": 1}),
    "leak_contact_waveshare": ({"inputs": {0: 0, 1: 1}}, {"leak": 0, "problem": 0}),
    "door_contact_waveshare": ({"inputs": {0: 1}}, {"door": 0}),
    "sos_contact_waveshare": ({"inputs": {0: 1}}, {"sos": 1}),
}


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_map_says_what_its_document_says(name: str) -> None:
    tables, wanted = SHIPPED[name]
    assert values(load_map(name), **tables) == pytest.approx(wanted)


def test_frost_below_zero() -> None:
    tables = {1: 0x10000 - 105, 2: 900}
    assert values(load_map("climate_xymd02"), input_registers=tables)["temperature"] == pytest.approx(-10.5)


def test_the_status_of_a_senseair_makes_its_number_questionable_and_zero_is_none() -> None:
    s8 = load_map("co2_senseair_s8")
    assert values(s8, input_registers={0: 32, 1: 0, 2: 0, 3: 904}) == {"co2": (904, "questionable"), "problem": 1}
    assert values(s8, input_registers={0: 128, 1: 0, 2: 0, 3: 0}) == {"problem": 0}


def test_an_alarm_of_a_unit_at_fault_is_an_alarm() -> None:
    told = values(load_map("gas_pemtech_pt495"), holding={0: 12, 1: 0x0205})
    assert told == {"gas-concentration": (12, "questionable"), "gas-alarm": 1, "problem": 1}


NUMBERS = {
    "u16": (">H", 65535.0),
    "s16": (">h", -2.0),
    "u32": (">I", 2923517522.0),
    "s32": (">i", -5.0),
    "f32": (">f", -0.5),
}


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (kind, order)
        for kind in NUMBERS
        for order in ("ABCD", "CDAB", "BADC", "DCBA")
        if order == "ABCD" or kind.endswith("32")
    ],
)
def test_numbers_of_every_type_and_order(kind: str, order: str) -> None:
    form, value = NUMBERS[kind]
    plain = struct.pack(form, value if kind == "f32" else int(value))
    wire = plain if len(plain) == 2 else bytes(plain["ABCD".index(letter)] for letter in order)
    words = [int.from_bytes(wire[at : at + 2], "big") for at in range(0, len(wire), 2)]
    entry = f"{{address: 5, type: {kind}, quantity: power" + (f", order: {order}}}" if len(plain) == 4 else "}")
    told = values(map_of(entry), holding=dict(enumerate(words, start=5)))
    assert told["power"] == value


def test_the_float_of_another_project() -> None:
    # minimalmodbus tests, simplymodbus.ca: the same value in two word orders (../shared vectors d023 names 3.65e30)
    words = {103: 29240, 104: 18213}
    told = values(map_of("{function: 4, address: 103, type: f32, quantity: energy}"), input_registers=words)
    assert told["energy"] == pytest.approx(3.65e30, rel=1e-3)


def test_scale_offset_unit_and_invalid() -> None:
    fahrenheit = map_of('{address: 0, type: s16, quantity: temperature, scale: 0.1, unit: "[degF]", invalid: [32767]}')
    assert values(fahrenheit, holding={0: 725}) == {"temperature": pytest.approx(22.5)}
    assert values(fahrenheit, holding={0: 32767}) == {}
    shifted = map_of("{address: 0, type: u16, quantity: temperature, scale: 0.1, offset: -40}")
    assert values(shifted, holding={0: 625}) == {"temperature": pytest.approx(22.5)}


def test_not_a_number_is_no_value() -> None:
    nan = struct.unpack(">2H", struct.pack(">f", float("nan")))
    assert values(map_of("{address: 0, type: f32, quantity: co2}"), holding=dict(enumerate(nan))) == {}


def test_states_faults_and_what_has_no_name() -> None:
    smoke = map_of("{address: 3, type: u16, quantity: smoke, values: {0: no, 1: yes, 2: fault, 3: nothing}}")
    assert values(smoke, holding={3: 0}) == {"smoke": 0, "problem": 0}
    assert values(smoke, holding={3: 1}) == {"smoke": 1, "problem": 0}
    assert values(smoke, holding={3: 2}) == {"problem": 1}
    assert values(smoke, holding={3: 3}) == {"problem": 0}
    rejects: list[DecodeError] = []
    assert values(smoke, holding={3: 7}, rejects=rejects) == {"problem": 1}, "never: no smoke"
    assert "register 3 says 7 of smoke, which the map does not name" in str(rejects[0])


def test_bits_of_one_register_are_read_at_once_even_where_nothing_is_merged() -> None:
    bits = map_of(
        "{address: 9, type: bit, bit: 0, quantity: smoke}",
        "{address: 9, type: bit, bit: 15, quantity: tamper}",
        "{address: 10, type: flags, mask: 6, quantity: problem}",
        more="merge: false\n",
    )
    assert [(block.question.address, block.question.count) for block in blocks_of(bits, 1)] == [(9, 1), (10, 1)]
    assert values(bits, holding={9: 0x8000, 10: 4}) == {"smoke": 0, "tamper": 1, "problem": 1}


def blocks(*registers: str, more: str = "") -> list[tuple[int, int, int]]:
    found = blocks_of(map_of(*registers, more=more), 1)
    return [(block.question.function, block.question.address, block.question.count) for block in found]


def test_what_lies_side_by_side_is_read_at_once() -> None:
    climate = ("{address: 1, type: u16, quantity: humidity}", "{address: 0, type: u16, quantity: temperature}")
    apart = ("{address: 9, type: f32, quantity: co2}", "{function: 4, address: 2, type: u16, quantity: pm10}")
    assert blocks(*climate, *apart) == [(3, 0, 2), (3, 9, 2), (4, 2, 1)]
    assert blocks(*climate, *apart, more="gap: 7\n") == [(3, 0, 11), (4, 2, 1)]
    assert blocks(*climate, more="merge: false\n") == [(3, 0, 1), (3, 1, 1)]
    far = "{address: 126, type: u16, quantity: co2}"
    assert all(count <= MAX_REGISTERS for _, _, count in blocks(*climate, far, more="gap: 32\n"))


def test_periods_and_who_comes_first() -> None:
    found = map_of(
        "{address: 0, type: u16, quantity: smoke, values: {0: no, 1: yes}}",
        "{address: 4, type: u16, quantity: door, values: {0: no, 1: yes}}",
        "{address: 8, type: u16, quantity: co2}",
        "{address: 12, type: u16, quantity: pm10, poll: 5m}",
    )
    told = [(block.poll.total_seconds(), block.is_urgent) for block in blocks_of(found, 1)]
    assert told == [(1, True), (2, False), (30, False), (300, False)]
    assert {block.poll for block in blocks_of(found, 1, poll=timedelta(seconds=3))} == {timedelta(seconds=3)}


def test_an_exception_and_a_broken_frame_are_refused() -> None:
    block = blocks_of(load_map("smoke_contact_waveshare"), 1)[0]
    refused = ModbusSlave(unit=1).answer(READ_INPUTS, 0, 2, as_unit=1)
    assert refused is not None
    for frame, why in ((refused, "has no input 0 to 1"), (b"\x01\x02\x01\x00\x00\x00", "wrong CRC"), (b"", "0 bytes")):
        with pytest.raises(DecodeError, match=why):
            read_block(block, frame, list[DecodeError]().append)


def test_an_answer_without_a_value_is_a_life_sign() -> None:
    block = blocks_of(map_of("{address: 0, type: u16, quantity: co2, invalid: [0]}"), 1)[0]
    assert read_block(block, answer_to(block, holding={0: 0}), list[DecodeError]().append) == [Alive()]


WRONG = {
    "an unknown key": ("{adress: 1, type: u16, quantity: co2}", "5: registers[0].adress: is not a key here; did you"),
    "an unknown quantity": ("{address: 1, type: u16, quantity: smok}", '5: registers[0].quantity: "smok" is not'),
    "an address too high": ("{address: 65536, type: u16, quantity: co2}", "5: registers[0].address: "),
    "beyond the last register": ("{address: 65535, type: f32, quantity: co2}", "there is no register after 65535"),
    "a state without values": ("{address: 1, type: u16, quantity: smoke}", "smoke is yes or no; say which number"),
    "a number with values": ("{address: 1, type: u16, quantity: co2, values: {0: no}}", "co2 is a number"),
    "a number in a bit": ("{address: 1, type: bit, bit: 1, quantity: co2}", "co2 is a number"),
    "a coil as a number": ("{function: 1, address: 1, type: u16, quantity: co2}", "are of type: bit"),
    "a coil with a bit": ("{function: 2, address: 1, type: bit, bit: 0, quantity: leak}", "has no bits"),
    "a bit of a register": ("{address: 1, type: bit, quantity: leak}", "which bit of the register"),
    "a bit elsewhere": ("{address: 1, type: flags, bit: 1, quantity: leak}", "bit belongs to type: bit"),
    "a mask elsewhere": ("{address: 1, type: bit, bit: 1, mask: 2, quantity: leak}", "mask belongs to type: flags"),
    "an order elsewhere": ("{address: 1, type: u16, order: CDAB, quantity: co2}", "order belongs to 32-bit"),
    "a bit that is 2": ("{address: 1, type: bit, bit: 0, quantity: leak, values: {0: no, 2: yes}}", "a bit is 0 or 1"),
    "a unit that does not fit": ("{address: 1, type: u16, quantity: temperature, unit: Pa}", "here: Cel, K, [degF]"),
    "a scale of nothing": ("{address: 1, type: u16, quantity: co2, scale: 0}", "a scale of 0"),
    "a scaled state": ("{address: 1, type: u16, quantity: leak, scale: 2, values: {0: no}}", "leave scale and offset"),
    "a named float": ("{address: 1, type: f32, quantity: leak, values: {0: no}}", "values name whole numbers"),
    "an unknown word": ("{address: 1, type: u16, quantity: leak, values: {0: off}}", "possible here: no, yes, fault"),
    "too often": ("{address: 1, type: u16, quantity: co2, poll: 100ms}", "it must be at least 500ms"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_in_a_map_is_told_with_its_line(mistake: str) -> None:
    entry, said = WRONG[mistake]
    with pytest.raises(ConfigError) as caught:
        map_of(entry)
    assert str(caught.value).startswith("m.yaml:5: registers[0]"), caught.value
    assert said in f"{str(caught.value).removeprefix('m.yaml:')}"


def test_the_same_thing_twice_is_refused_but_for_problems() -> None:
    door = "{{address: {}, type: u16, quantity: {}, values: {{0: no, 1: yes}}}}"
    map_of(door.format(1, "problem"), door.format(2, "problem"))
    with pytest.raises(ConfigError, match=r"says door twice; a sensor says each thing once"):
        map_of(door.format(1, "door"), door.format(2, "door"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_map(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"device: caf\xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml: this is not UTF-8"):
        load_map(tmp_path / "latin.yaml")
    (tmp_path / "empty.yaml").touch()
    with pytest.raises(ConfigError, match=r"empty\.yaml:1: nothing is written here; start with these keys: device"):
        load_map(tmp_path / "empty.yaml")


def test_every_conversion_ends_in_the_unit_of_a_quantity() -> None:
    units = {info.unit for info in QUANTITIES.values()}
    assert {wanted for _, wanted in CONVERSIONS} <= units
    kelvin = Register(address=0, type="u16", quantity=Quantity.TEMPERATURE, unit="K")
    assert kelvin.value_of(300) == pytest.approx(26.85)


def test_the_page_names_every_shipped_map_and_its_example_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "modbus.md").read_text(encoding="utf-8")
    assert [name for name in shipped() if f"`{name}`" not in page] == []
    examples = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (example,) = (text for text in examples if text.startswith("device:"))
    said = parse(example, RegisterMap, name="docs/modbus.md")
    assert said.can_say == {Quantity.SMOKE, Quantity.TEMPERATURE, Quantity.PROBLEM}
    for model in (RegisterMap, Register):
        assert [key for key in model.model_fields if f"`{key}`" not in page] == []
    assert [given for given, _ in CONVERSIONS if given not in page] == []
