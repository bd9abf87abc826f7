"""Any bytes at any parser, any JSON at the recordings: nothing but DecodeError, and no plaintext clears an alarm."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.adverts.decode import decode_row
from drivers.ble.adverts.families import ENCRYPTED, Family, parser_for
from drivers.ble.adverts.sos_beacons import BeaconButton
from drivers.ble.adverts.told import AdvertParser
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

ADDRESS = "A4:C1:38:61:BB:AA"
KEY = bytes(range(16))

# One good advert of each family, whole; the fuzz begins at them.
GOOD = {
    Family.BTHOME: "020106 0a16d2fc4002ca0903bf13",
    Family.MIBEACON: "020106 1216 95fe 5040 9709 01 aabb6138c1a4 1510 01 00",
    Family.QINGPING: "020106 1416 cdfd 080c bf6552342d58 0104f100ad01 020125",
    Family.GOVEE: "0d09475648353037355f434239420303 88ec 09ff88ec0003215d6400",
    Family.INKBIRD: "04097370730aff9c08f41000ba4e6408",
    Family.THERMOBEACON: "0201060302f0ff15ff110000002716000088063c0c8f01a103b9d70300",
    Family.THERMOPRO: "0d0954503335372028323134322907ffc2ee0029022c",
    Family.SENSORPUSH: "0201061106b00a09ecd79db893ba42d611000009ef08ff0089e456bea6b4",
    Family.BLUEMAESTRO: "11ff330117550e10061eff2f02a6ff030100",
    Family.MOAT: "15ff0010aabbccddeeff11111111d46103cbbe0a0000",
    Family.SENSIRION: "0bffd5060006e2e7036a1c65",
    Family.RUUVI: "0201061bff990405138a5f61c4f0ffe4ffdc0414c5b6ec29b3f27a52fad4cd",
    Family.BEACON: "02011a1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000640000c5",
    Family.HOLYIOT: "1016 4252 4164 a4c13861bbaa 0606 06 0100",
    Family.KKM: "0201060303aafe1216aafe2101070e5b16531f95fffcffec03eb",
    Family.TELTONIKA: "0eff9a0801b708b4120ccb0bffc767",
    Family.ELA: "08ff5707213012b80a 05ff5707f10d",
    Family.MINEW: "1016e1ffa1016315803200aabbccddeeff",
    Family.MOCREO: "02010607094d4f4352454f13ff01867301c8b08c0aa713000000a20c000000",
    Family.RELSIB: "1916 20aa 84000000b20a200a15030080f04700c2eb0b010b0300",
    Family.HORMANN: "09ffb40701022d20000014ffb407173e000000000000006722d81075f42a04",
}
SERVICES = sorted(
    {uuid16(number) for number in (0xFCD2, 0x181C, 0x181E, 0xFE95, 0xFD50, 0x181B, 0x181D, 0xFDCD, 0xFEAA, 0x5242)}
    | {uuid16(number) for number in (0x2A6E, 0x2A6F, 0x2A06, 0xFFE1, 0xAA20, 0xAA21, 0x1809, 0x1000, 0xFFF0, 0xEC88)}
)
COMPANIES = (0x0499, 0x004C, 0x0A53, 0x089A, 0x0757, 0x0639, 0x07B4, 0x1000, 0x0133, 0x06D5, 0xEC88, 0x0011, 0x0001)
NAMES = (
    None,
    "MOCREO",
    "sps",
    "tps",
    "GVH5075_1234",
    "GV5123",
    "TP357 (2142)",
    "Moat_S2",
    "iBBQ",
    "SBDW-002C",
    "ATC_1",
)

adverts = st.builds(
    Advert,
    address=st.just(ADDRESS),
    name=st.one_of(st.sampled_from(NAMES), st.text(max_size=8)),
    rssi=st.one_of(st.none(), st.integers(-127, 20)),
    manufacturer_data=st.dictionaries(
        st.one_of(st.sampled_from(COMPANIES), st.integers(0, 0xFFFF)), st.binary(max_size=40), max_size=3
    ),
    service_data=st.dictionaries(st.sampled_from(SERVICES), st.binary(max_size=30), max_size=2),
    service_uuids=st.lists(st.sampled_from(SERVICES), max_size=2).map(tuple),
    heard_at=st.one_of(st.none(), st.floats(0, 1e6)),
)


def parsers() -> list[AdvertParser]:
    keyed: list[AdvertParser] = [parser_for(family, key=KEY) for family in ENCRYPTED]
    return [*(parser_for(family) for family in Family), *keyed, BeaconButton(["00"]), BeaconButton()]


def check(parser: AdvertParser, advert: Advert) -> None:
    """Only DecodeError; finite numbers; an advert in the clear takes no alarm back."""
    with suppress(DecodeError):
        for one in parser.parse(advert):
            assert isinstance(one, Sample | Alive)
            if isinstance(one, Sample):
                assert one.value == one.value
                assert abs(one.value) != float("inf")
                assert not takes_back(one)


def takes_back(sample: Sample) -> bool:
    is_calm = sample.value == 0 and QUANTITIES[sample.quantity].life_safety
    return (is_calm or sample.quantity is Quantity.CANCEL) and sample.quality is Quality.GOOD


def test_the_good_ones_are_good() -> None:
    assert set(GOOD) == set(Family)
    for family, written in GOOD.items():
        said = parser_for(family).parse(Advert.from_ad_structures(bytes.fromhex(written), address=ADDRESS))
        assert said
        assert family is Family.BEACON or any(isinstance(one, Sample) for one in said), family


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(heard=st.lists(adverts, max_size=3))
def test_any_advert_at_any_parser(heard: list[Advert]) -> None:
    for parser in parsers():
        for advert in heard:
            check(parser, advert)


@pytest.mark.parametrize("family", list(Family))
@given(changes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4), cut=st.integers(0, 8))
def test_a_changed_advert_of_every_family(family: Family, changes: list[tuple[int, int]], cut: int) -> None:
    whole = Advert.from_ad_structures(bytes.fromhex(GOOD[family]), address=ADDRESS)

    def changed(data: bytes) -> bytes:
        mutable = bytearray(data[: len(data) - cut] if cut else data)
        for at, value in changes:
            if mutable:
                mutable[at % len(mutable)] = value
        return bytes(mutable)

    advert = Advert(
        address=ADDRESS,
        name=whole.name,
        manufacturer_data={company: changed(data) for company, data in whole.manufacturer_data.items()},
        records=tuple((company, changed(data)) for company, data in whole.records),
        service_data={uuid: changed(data) for uuid, data in whole.service_data.items()},
        service_uuids=whole.service_uuids,
    )
    parser = parser_for(family)
    check(parser, whole)
    check(parser, advert)
    check(parser, whole)


@pytest.mark.parametrize("family", sorted(ENCRYPTED))
@given(data=st.binary(max_size=40))
def test_no_bytes_are_believed_without_the_key(family: Family, data: bytes) -> None:
    parser = parser_for(family, key=KEY)
    for uuid in SERVICES:
        with suppress(DecodeError):
            assert parser.parse(Advert(address=ADDRESS, service_data={uuid: data})) == [Alive()]


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
hexes = st.one_of(st.binary(max_size=40).map(bytes.hex), st.text(alphabet="0123456789abcdefx ", max_size=20))
fields = {
    "adv_data_hex": hexes,
    "service_data_hex": hexes,
    "manufacturer_data_hex": hexes,
    "manufacturer_payload_hex": hexes,
    "company_id": st.one_of(hexes, st.sampled_from(["0499", "0x0499"])),
    "service_uuid16": st.one_of(hexes, st.sampled_from(["fcd2", "fe95", "0xfeaa"])),
    "address": st.one_of(st.text(max_size=17), st.just(ADDRESS)),
    "name": st.one_of(st.text(max_size=8), st.integers()),
    "bindkey_hex": st.one_of(hexes, st.just(KEY.hex())),
}
formats = st.one_of(st.sampled_from([*Family, "theengs", "xiaomi_scale", "altbeacon", "qingping"]), st.text(max_size=8))
rows = st.fixed_dictionaries({"input": st.fixed_dictionaries({}, optional=fields)}, optional={"format": formats})


@given(row=json_values)
def test_any_json_is_a_row_or_refused(row: Any) -> None:
    with suppress(DecodeError):
        decode_row(json.loads(json.dumps(row)))


@settings(max_examples=200)
@given(row=rows)
def test_rows_with_odd_fields(row: dict[str, Any]) -> None:
    with suppress(DecodeError):
        told, said = decode_row(row)
        assert isinstance(told, dict)
        assert all(isinstance(one, Sample | Alive) for one in said)


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "4002ca09",
        {},
        {"input": 7},
        {"input": {"adv_data_hex": 7}},
        {"input": {"adv_data_hex": "zz"}},
        {"input": {"adv_data_hex": "02010", "address": ADDRESS}},
        {"input": {"adv_data_hex": "020106", "address": "here"}},
        {"input": {"adv_data_hex": "020106", "address": 7}},
        {"input": {"service_data_hex": "40", "service_uuid16": "fcd2x"}},
        {"input": {"service_data_hex": "40", "service_uuid16": 0xFCD2}},
        {"input": {"manufacturer_data_hex": "99"}},
        {"input": {"manufacturer_payload_hex": "05", "company_id": 0x499}},
        {"input": {"manufacturer_payload_hex": "05", "company_id": "12345"}},
        {"input": {"service_data_hex": "4002ca09", "service_uuid16": "fcd2", "bindkey_hex": "00"}},
        {"format": "ruuvi", "input": {"adv_data_hex": "020106"}},
    ],
)
def test_rows_that_cannot_be_read(row: Any) -> None:
    with pytest.raises(DecodeError):
        decode_row(row)


def test_a_row_without_the_rest_of_a_recording() -> None:
    told, said = decode_row({"format": "bthome", "service_data_hex": "4002ca09"})
    assert told == {"temperature": 25.06}
    assert [one.value for one in said if isinstance(one, Sample)] == [25.06]
    assert decode_row({"manufacturer_data_hex": "d5060006e2e7036a1c65"})[0]["humidity"] == 43.37
    address = decode_row({"service_data_hex": "5020aa01da219335342d580d1004fe004802"})[0]
    assert address == {"temperature": 25.4, "humidity": 58.4}
