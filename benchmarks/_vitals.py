"""Recorded vital signs and air of `../shared/data`, as readings, and what the presets say to them."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.presets import preset
from config.replay import Replay
from rules.bound import BoundRule, HomeFacts
from rules.preset import rules_of
from rules.threshold import Threshold
from shouwang.alert import Alert, AlertState
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
PPM_OF_MG_M3 = 0.86
"""Carbon monoxide at 25 Cel (data card of air_co)."""
MMOL_OF_MG = 1 / 18.016
"""Glucose: 180.16 g/mol."""


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a file of the data."""
    path = DATA / name
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def reading(sensor_id: str, at: datetime, quantity: Quantity, value: float) -> Reading:
    """As a sensor would have said it."""
    is_sound = QUANTITIES[quantity].is_plausible(value)
    return Reading(
        sensor_id=sensor_id,
        quantity=quantity,
        value=value,
        at=at,
        mono=(at - _EPOCH) // _MS,
        quality=Quality.GOOD if is_sound else Quality.IMPLAUSIBLE,
    )


def moment(written: str) -> datetime:
    """A local time, taken for UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def fired(name: str, readings: Iterable[Reading], *, rules: tuple[str, ...] = ()) -> list[Alert]:
    """The alarms of a preset (of these rules of it), each sensor by itself."""
    chosen = [rule for rule in rules_of(preset(name)) if not rules or rule.id in rules]

    def bind(sensor_id: str) -> Iterator[object]:
        facts = HomeFacts(resident_id="r", emits={sensor_id: frozenset(Quantity)})
        return (bound for rule in chosen for bound in rule.bind(facts))

    alerts = Replay(bind, by_sensor=True).alerts(readings)  # type: ignore[arg-type]
    return [alert for alert in alerts if alert.state is AlertState.FIRING]


_TIHM = {"sbp_mmhg": Quantity.SYSTOLIC, "dbp_mmhg": Quantity.DIASTOLIC, "hr_bpm": Quantity.HEART_RATE}
_LABELS = {
    "Blood pressure": (
        "systolic-high",
        "systolic-low",
        "diastolic-high",
        "diastolic-low",
        "systolic-red",
        "diastolic-red",
    ),
    "Pulse": ("pulse-high", "pulse-low", "pulse-watch", "pulse-slow-watch"),
}


def tihm_vitals() -> dict[str, tuple[float, float]]:
    """Recall and precision by day, for each label that a clinical team gave."""
    readings = sorted(
        (
            reading(row["patient_id"], moment(row["ts"]), _TIHM[row["code"]], float(row["value"]))
            for row in rows("tihm/physiology.csv.gz")
            if row["code"] in _TIHM
        ),
        key=lambda one: one.at,
    )
    labelled = defaultdict(set)
    for row in rows("tihm/alerts.csv"):
        labelled[row["alert"]].add((row["patient_id"], row["ts"][:10]))
    found = {}
    for label, rules in _LABELS.items():
        said = {(alert.sensor_id, alert.at.date().isoformat()) for alert in fired("vitals-home", readings, rules=rules)}
        hits = len(said & labelled[label])
        found[label] = hits / len(labelled[label]), hits / len(said)
    return found


def tihm_inactivity() -> tuple[int, int]:
    """Alarms on days without a label, and the days of all people."""
    readings, days = [], set()
    for row in rows("tihm/activity.csv.gz"):
        quantity = Quantity.DOOR if row["location"] in ("front-door", "back-door") else Quantity.MOTION
        readings.append(reading(row["patient_id"], moment(row["ts"]), quantity, 1.0))
        days.add((row["patient_id"], row["ts"][:10]))
    labelled = {(row["patient_id"], row["ts"][:10]) for row in rows("tihm/alerts.csv")}
    readings.sort(key=lambda one: one.at)
    # the home is not named in the alert of a rule over all of its sensors: look at each person by themselves
    by_person = defaultdict(list)
    for one in readings:
        by_person[one.sensor_id].append(one)
    said = [
        (person, alert.at.date().isoformat()) for person, own in by_person.items() for alert in fired("inactivity", own)
    ]
    return sum(one not in labelled for one in said), len(days - labelled)


def clean_air() -> int:
    """Carbon monoxide alarms in a town whose air never held much."""
    return len(
        fired(
            "co-en50291",
            (
                reading("air", moment(row["ts"]), Quantity.CARBON_MONOXIDE, float(row["co_mg_m3"]) * PPM_OF_MG_M3)
                for row in rows("air_co/hourly.csv.gz")
                if row["co_mg_m3"]
            ),
        )
    )


def glucose_episodes() -> tuple[int, int]:
    """Alarms of very low tissue glucose, and episodes of 15 min or more counted by hand."""
    by_person = defaultdict(list)
    for row in rows("cgm_hall2018/cgm.csv.gz"):
        if row["glucose_mgdl"]:
            by_person[row["id"]].append((moment(row["ts"]), float(row["glucose_mgdl"]) * MMOL_OF_MG))
    readings, counted = [], 0
    for person, values in by_person.items():
        values.sort()
        readings += [reading(person, at, Quantity.INTERSTITIAL_GLUCOSE, value) for at, value in values]
        counted += _episodes(values)
    return len(fired("vitals-home", readings, rules=("tissue-glucose-very-low",))), counted


LOW, BACK, HOLD = 2.99, 3.39, timedelta(minutes=15)
"""Of the rule tissue-glucose-very-low: written once more, so that the count does not come from the rule itself."""


def _episodes(values: list[tuple[datetime, float]]) -> int:
    count, began, is_on = 0, None, False
    for at, value in values:
        if began is not None and not is_on and at - began >= HOLD:
            count, is_on = count + 1, True
        if is_on:
            is_on = value <= BACK
            began = began if is_on else None
        elif value <= LOW:
            began = began or at
        else:
            began = None
    return count + (began is not None and not is_on)


HIGH, ANEW = 135.0, timedelta(hours=8)
"""The limit at home of the Chinese guideline of 2024, which the man crosses; what is measured so much later is new."""


def pressure_episodes() -> tuple[int, int]:
    """Alarms of a limit of 135 in 108 days of one man, and those counted by hand."""
    values = sorted((moment(row["ts"]), float(row["sbp_mmhg"])) for row in rows("bp_home/self_measured.csv"))
    readings = [reading("cuff", at, Quantity.SYSTOLIC, value) for at, value in values]
    rule = Threshold(kind="threshold", id="high", quantity=Quantity.SYSTOLIC, above=HIGH, renew=ANEW)
    bound = rule.bind(HomeFacts(resident_id="r", emits={"cuff": frozenset({Quantity.SYSTOLIC})}))
    said = [
        alert for alert in Replay(lambda _: bound, by_sensor=False).alerts(readings) if alert.state is AlertState.FIRING
    ]
    count, last = 0, None
    for at, value in values:
        if value >= HIGH:
            count += last is None or at - last >= ANEW
            last = at
        else:
            last = None
    return len(said), count


def clean_rooms() -> int:
    """Alarms of heat (45 Cel) and of CO2 (2000 ppm) in recordings of rooms in which nothing burnt."""
    limits = {Quantity.TEMPERATURE: ("temp_c", 45.0), Quantity.CO2: ("eco2_ppm", 2000.0)}
    found = 0
    for quantity, (column, limit) in limits.items():
        rule = Threshold(kind="threshold", id="high", quantity=quantity, above=limit)
        readings = (
            reading(row["session"], _EPOCH + timedelta(seconds=float(row["t_s"])), quantity, float(row[column]))
            for row in rows("smoke_iot/readings.csv.gz")
        )

        def bind(sensor: str, rule: Threshold = rule, quantity: Quantity = quantity) -> Iterable[BoundRule]:
            return rule.bind(HomeFacts(resident_id="r", emits={sensor: frozenset({quantity})}))

        alerts = Replay(bind, by_sensor=True).alerts(readings)
        found += sum(alert.state is AlertState.FIRING for alert in alerts)
    return found
