"""Measurements as Observations of FHIR R4, against values that stand in the standard's own tables."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from community.desk import Timing
from community.fhir.measured import Watched, observations, rolled_up
from community.fhir.moments import moment
from community.fhir.names import Names
from community.fhir.record import RollUp, Sample, Sensor
from shouwang.quantities import Quantity
from shouwang.reading import Quality

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NAMES = Names(centre="演示中心", url="https://care.example.org")
LOINC, MDC = "http://loinc.org", "urn:iso:std:iso:11073:10101"


def watched(*measures: Quantity) -> Watched:
    sensor = Sensor(gateway_id="gw-1", sensor_id="s1", measures=frozenset(measures))
    return Watched(names=NAMES, subject=NAMES.ref("Patient", "r1"), zone=SHANGHAI, sensor=sensor)


def sample(quantity: Quantity, value: float, **more: object) -> Sample:
    given = {"at": NOON, "message_id": 7, "place": 0, "quality": Quality.GOOD, "timing": Timing.RIGHT, "is_late": False}
    given |= {"received_at": NOON + timedelta(seconds=2), **more}
    return Sample(gateway_id="gw-1", sensor_id="s1", quantity=quantity, value=value, **given)


def span(quantity: Quantity, sums: tuple[int, float, float, float], doubtful: int = 0) -> RollUp:
    count, low, high, mean = sums
    end = NOON + timedelta(hours=1)
    return RollUp(
        gateway_id="gw-1",
        sensor_id="s1",
        quantity=quantity,
        start=NOON,
        end=end,
        count=count,
        low=low,
        high=high,
        mean=mean,
        doubtful=doubtful,
    )


def told(*samples: Sample, by: Watched | None = None) -> list[dict]:
    by = by or watched(*(one.quantity for one in samples))
    return json.loads(msgspec.json.encode(list(observations(by, samples))))


def coded(concept: dict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in concept["coding"]:
        found.setdefault(one["system"], []).append(one["code"])
    return found


@pytest.mark.parametrize(
    ("quantity", "value", "codes", "unit", "category"),
    [
        (Quantity.SPO2, 97, (["2708-6", "59408-5"], ["150456"]), "%", "vital-signs"),
        (Quantity.BODY_TEMPERATURE, 36.6, (["8310-5"], ["150364"]), "Cel", "vital-signs"),
        (Quantity.GLUCOSE, 6.1, (["15074-8"], ["160020"]), "mmol/L", "laboratory"),
        (Quantity.WEIGHT, 61.35, (["29463-7"], ["188736"]), "kg", "vital-signs"),
        (Quantity.RESPIRATORY_RATE, 16, (["9279-1"], ["151562"]), "/min", "vital-signs"),
        (Quantity.STEPS, 4211, (["55423-8"], None), "{steps}", "activity"),
        (Quantity.BMI, 23.4, (["39156-5"], ["188752"]), "kg/m2", "vital-signs"),
        (Quantity.RR_INTERVAL, 812, (["8637-1"], ["147240"]), "ms", "vital-signs"),
        (Quantity.INTERSTITIAL_GLUCOSE, 7.2, (["105272-9"], ["160212"]), "mmol/L", "laboratory"),
    ],
)
def test_a_value_in_all_its_codes(quantity, value, codes, unit, category) -> None:
    (one,) = told(sample(quantity, value))
    found = coded(one["code"])
    assert (found[LOINC], found.get(MDC)) == codes
    assert found["urn:shouwang:quantity"] == [quantity.value]
    assert one["valueQuantity"] == {
        "value": value,
        "unit": unit,
        "system": "http://unitsofmeasure.org",
        "code": unit,
    }
    assert one["category"][0]["coding"][0]["code"] == category
    assert one["status"] == "final"
    assert one["effectiveDateTime"] == "2026-11-24T20:00:00+08:00"
    assert one["issued"] == "2026-11-24T20:00:02+08:00"
    assert {"extension", "note", "dataAbsentReason", "component"} & one.keys() == set()


@pytest.mark.parametrize(
    ("companions", "mdc"),
    [((Quantity.SPO2,), "149530"), ((Quantity.SYSTOLIC, Quantity.DIASTOLIC), "149546"), ((), "149514")],
)
def test_the_pulse_is_coded_by_what_it_was_measured_with(companions, mdc) -> None:
    (one,) = told(sample(Quantity.HEART_RATE, 72), by=watched(Quantity.HEART_RATE, *companions))
    assert coded(one["code"])[LOINC] == ["8867-4"]
    assert coded(one["code"])[MDC] == [mdc]
    assert one["valueQuantity"]["value"] == 72


def test_a_blood_pressure_is_one_observation() -> None:
    later = NOON + timedelta(minutes=1)
    found = told(
        sample(Quantity.SYSTOLIC, 128, place=0),
        sample(Quantity.DIASTOLIC, 76, place=1),
        sample(Quantity.MEAN_ARTERIAL_PRESSURE, 93, place=2),
        sample(Quantity.SYSTOLIC, 126, at=later),
        sample(Quantity.DIASTOLIC, 75, at=later),
    )
    first, second = found
    assert coded(first["code"]) == {LOINC: ["85354-9"], MDC: ["150020"]}
    assert "valueQuantity" not in first
    parts = [(coded(one["code"])[LOINC], coded(one["code"])[MDC], one["valueQuantity"]) for one in first["component"]]
    unit = {"unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    assert parts == [
        (["8480-6"], ["150021"], {"value": 128, **unit}),
        (["8462-4"], ["150022"], {"value": 76, **unit}),
        (["8478-0"], ["150023"], {"value": 93, **unit}),
    ]
    assert [one["valueQuantity"]["value"] for one in second["component"]] == [126, 75]
    assert second["effectiveDateTime"] == "2026-11-24T20:01:00+08:00"


def test_two_pressures_of_one_moment_stay_two() -> None:
    found = told(*(sample(Quantity.SYSTOLIC, value, place=value) for value in (128, 131)))
    assert [one["component"][0]["valueQuantity"]["value"] for one in found] == [128, 131]
    assert found[0]["id"] != found[1]["id"]


def test_half_a_pressure_says_that_the_other_half_is_missing() -> None:
    (one,) = told(sample(Quantity.SYSTOLIC, 128))
    assert [part.get("valueQuantity", {}).get("value") for part in one["component"]] == [128, None]
    assert one["component"][1]["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_a_doubtful_value_is_preliminary_and_says_why() -> None:
    (one,) = told(sample(Quantity.SPO2, 81, quality=Quality.QUESTIONABLE))
    assert one["status"] == "preliminary"
    assert one["valueQuantity"]["value"] == 81
    assert one["extension"] == [{"url": "urn:shouwang:fhir:quality", "valueCode": "questionable"}]
    assert "measure again" in one["note"][0]["text"]


@pytest.mark.parametrize("value", [999.0, float("nan"), float("inf")])
def test_an_impossible_value_is_absent(value) -> None:
    (one,) = told(sample(Quantity.SPO2, value, quality=Quality.IMPLAUSIBLE))
    assert "valueQuantity" not in one
    assert one["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert one["note"][0]["text"].endswith(f"the sensor said {value})")


def test_what_is_no_number_is_never_told_as_one() -> None:
    (one,) = told(sample(Quantity.SPO2, float("nan")))
    assert "valueQuantity" not in one
    assert "dataAbsentReason" in one


def test_an_impossible_pressure_spoils_only_its_half() -> None:
    (one,) = told(sample(Quantity.SYSTOLIC, 128), sample(Quantity.DIASTOLIC, 299, place=1, quality=Quality.IMPLAUSIBLE))
    assert one["status"] == "preliminary"
    assert one["component"][0]["valueQuantity"]["value"] == 128
    assert one["component"][1]["dataAbsentReason"]["coding"][0]["code"] == "error"


@pytest.mark.parametrize(
    ("timing", "code"), [(Timing.MENDED, "mended"), (Timing.ESTIMATED, "estimated"), (Timing.AHEAD, "ahead")]
)
def test_an_uncertain_moment_says_so(timing, code) -> None:
    (one,) = told(sample(Quantity.WEIGHT, 60, timing=timing, is_late=True))
    assert one["extension"] == [
        {"url": "urn:shouwang:fhir:late", "valueBoolean": True},
        {"url": "urn:shouwang:fhir:timing", "valueCode": code},
    ]
    assert one["status"] == "final"
    assert one["note"]


def test_a_thinned_value_is_final_and_marked() -> None:
    (one,) = told(sample(Quantity.HEART_RATE, 71.5, quality=Quality.THINNED))
    assert one["status"] == "final"
    assert one["extension"] == [{"url": "urn:shouwang:fhir:quality", "valueCode": "thinned"}]


def test_yes_or_no_and_consciousness_are_no_numbers() -> None:
    no, awake = told(sample(Quantity.OXYGEN_THERAPY, 0), sample(Quantity.CONSCIOUSNESS, 3, place=1))
    assert no["valueBoolean"] is False
    assert awake["valueCodeableConcept"]["coding"] == [{"system": "urn:shouwang:consciousness", "code": "pain"}]
    assert coded(awake["code"])[LOINC] == ["80288-4"]
    assert "valueQuantity" not in no | awake


def test_the_noise_of_floating_point_is_not_told() -> None:
    (one,) = told(sample(Quantity.BODY_TEMPERATURE, 36.300000000000004))
    assert one["valueQuantity"]["value"] == 36.3


def test_an_hour_of_values_is_their_mean_with_both_ends() -> None:
    (one,) = json.loads(
        msgspec.json.encode(
            list(
                rolled_up(watched(Quantity.HEART_RATE), [span(Quantity.HEART_RATE, (720, 58, 121, 74.25), doubtful=3)])
            )
        )
    )
    assert one["effectivePeriod"] == {"start": "2026-11-24T20:00:00+08:00", "end": "2026-11-24T21:00:00+08:00"}
    assert one["valueQuantity"]["value"] == 74.25
    assert one["method"]["coding"] == [
        {"system": "http://terminology.hl7.org/CodeSystem/observation-statistics", "code": "average"}
    ]
    (extension,) = one["extension"]
    parts = {part["url"]: part for part in extension["extension"]}
    assert parts["count"]["valueUnsignedInt"] == 720
    assert parts["minimum"]["valueQuantity"]["value"] == 58
    assert parts["maximum"]["valueQuantity"]["value"] == 121
    assert parts["doubtful"]["valueUnsignedInt"] == 3


def test_steps_of_an_hour_are_the_most_that_were_counted() -> None:
    (one,) = rolled_up(watched(Quantity.STEPS), [span(Quantity.STEPS, (60, 3000, 4211, 3600))])
    assert one.value_quantity.value == 4211
    assert one.method.coding[0].code == "maximum"


def test_an_hour_with_no_good_value_tells_none() -> None:
    (one,) = rolled_up(watched(Quantity.SPO2), [span(Quantity.SPO2, (0, 0, 0, 0), doubtful=5)])
    assert one.value_quantity is None
    assert one.data_absent_reason.coding[0].code == "error"
    assert [part.url for part in one.extension[0].extension] == ["count", "doubtful"]


def test_pressures_of_an_hour_are_one_observation() -> None:
    (one,) = rolled_up(
        watched(*(Quantity.SYSTOLIC, Quantity.DIASTOLIC)),
        [span(Quantity.SYSTOLIC, (6, 118, 141, 130)), span(Quantity.DIASTOLIC, (6, 70, 82, 76))],
    )
    assert [part.value_quantity.value for part in one.component] == [130, 76]
    assert [part.extension[0].extension[0].value_unsigned_int for part in one.component] == [6, 6]


def test_pressures_of_two_hours_are_two_and_what_follows_is_its_own() -> None:
    next_hour = {"start": NOON + timedelta(hours=1), "end": NOON + timedelta(hours=2)}
    spans = [
        span(Quantity.SYSTOLIC, (6, 118, 141, 130)),
        replace(span(Quantity.SYSTOLIC, (5, 110, 130, 120)), **next_hour),
        replace(span(Quantity.HEART_RATE, (5, 60, 80, 70)), **next_hour),
    ]
    first, second, third = rolled_up(watched(Quantity.SYSTOLIC), spans)
    assert [one.component[0].value_quantity.value for one in (first, second)] == [130, 120]
    assert third.value_quantity.value == 70


def test_moments_have_the_offset_of_the_zone() -> None:
    assert moment(NOON, UTC) == "2026-11-24T12:00:00+00:00"
    assert moment(NOON.replace(microsecond=120_000), SHANGHAI) == "2026-11-24T20:00:00.120+08:00"
    assert moment(datetime(1900, 6, 1, tzinfo=UTC), SHANGHAI) == "1900-06-01T00:00:00+00:00"  # 8:05:43 ahead then
    end_of_calendars = datetime(9999, 12, 31, 23, 0, tzinfo=UTC)
    assert moment(end_of_calendars, SHANGHAI) == "9999-12-31T23:00:00+00:00"
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    assert moment(summer, ZoneInfo("Europe/Berlin")) == "2026-07-01T02:00:00+02:00"


def test_two_centres_never_share_an_id() -> None:
    other = Names(centre="演示中心", url="https://other.example.org")
    assert NAMES.id_of("Patient", "resident-0001") != other.id_of("Patient", "resident-0001")
    assert NAMES.identifier("residents", "resident-0001") != other.identifier("residents", "resident-0001")
    assert NAMES.id_of("Patient", "a", "b") != NAMES.id_of("Patient", "ab")
