"""A dossier as pages that its person can read, in Chinese and English. Pure."""

from collections.abc import Iterator
from datetime import datetime

from community.registry import AssessmentRow, CarePlanRow, MedicineRow, Row
from community.store.people_dossier import CaseFiled, Dossier
from community.store.schema import EARLIEST, LATEST


def chapters(told: Dossier) -> Iterator[tuple[str, list[str]]]:
    """Titles and lines, in the order of reading."""
    yield f"{told.resident.name}  {told.resident.id}  ({_at(told.made_at)})", _person(told)
    yield "联系人 / Whom we call", [_said(one) for one in told.contacts]
    yield "同意 / What you agreed to", [_of(one, "resident") for one in told.consents]
    yield "设备 / Devices in your home", [_of(one, "home", "key_ref") for one in told.devices]
    care = [(one, _of(one, "resident")) for one in told.care]
    for model, title in _CARE.items():
        yield title, [line for one, line in care if isinstance(one, model)]
    yield "事件 / What happened", [line for one in told.cases for line in _case(one)]
    yield (
        "更正 / What was changed",
        [
            f"{_at(one.at)} {one.by}: {one.subject} {one.field}: {one.before or ''} -> {one.after or ''}"
            for one in told.changes
        ],
    )
    yield (
        "查阅 / Who looked at it",
        [
            f"{_at(one.at)} {one.actor}: {one.act.value}"
            + (f" #{one.incident_id}" if one.incident_id is not None else "")
            + (f" ({one.reason})" if one.reason else "")
            for one in told.looked
        ],
    )
    measured = [
        f"{box} {name or told.resident.id}: {_day(span.start, EARLIEST)} - {_day(span.end, LATEST)}"
        for box, name, span in told.claims
    ]
    yield "测量 / What was measured (measurements.csv)", measured


_CARE: dict[type[Row], str] = {
    CarePlanRow: "慢病管理计划 / Plans of care",
    AssessmentRow: "评估 / Assessments",
    MedicineRow: "用药 / Medicines",
}


def _person(told: Dossier) -> list[str]:
    lines = [f"住址 / address: {told.address}", f"网格 / place: {told.place}", f"路线 / way: {told.route}"]
    lines += [f"坐标 / point (WGS-84): {told.point.lat:.6f} {told.point.lon:.6f}"] if told.point is not None else []
    return [line for line in lines if not line.endswith(": ")] + [_of(told.resident, "id", "home", "order")]


def _case(one: CaseFiled) -> Iterator[str]:
    yield (
        f"#{one.incident_id} {one.priority} {one.lane} {one.state}: {_at(one.opened_at)} - {_at(one.changed_at)}, "
        f"{len(one.alerts)} alarms"
    )
    yield from (f"    {words}" for words in one.words)


def _of(row: Row, *without: str) -> str:
    return _said(row.model_dump(mode="json", exclude=set(without)))


def _said(values: dict[str, object]) -> str:
    told = ((name, ", ".join(map(str, value)) if isinstance(value, list) else value) for name, value in values.items())
    return "; ".join(f"{name}: {value}" for name, value in told if value not in ("", None, "unknown"))


def _day(moment: datetime, bound: datetime) -> str:
    return "" if moment == bound else _at(moment)


def _at(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="minutes")
