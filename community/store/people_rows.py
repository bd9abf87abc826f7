"""Rows of the register as the tables hold them, both ways.

What stands there is shown as it stands: a telephone number that nobody would write today must not hide a person.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, tzinfo

import msgspec
import sqlalchemy as sa

from community.consent import How, Purpose
from community.people import CareLevel, Circle, Eligibility, Flag, Hearing, Item, Left, Sex, Situation, situation_in
from community.registry import ConsentRow, ContactRow, DeviceRow, HomeRow, ResidentRow
from community.registry_checks import moment_of

Values = dict[str, object]
_AS_WRITTEN = (
    "name",
    "born",
    "sex",
    "phone",
    "language",
    "hearing",
    "living",
    "care_level",
    "notes",
    "photo",
    "reviewed_on",
    "left_on",
)


def values_of_home(row: HomeRow, place_id: str | None) -> Values:
    """For `home_register`."""
    return {
        "place_id": place_id,
        "gateway_id": row.gateway,
        "route": row.route,
        "offline_after": row.offline_after,
        "high_risk": row.high_risk,
    }


def values_of_resident(row: ResidentRow) -> Values:
    """For `residents`."""
    stated = row.model_dump(mode="json")
    is_told = row.situation is not Situation.UNKNOWN
    return {
        **{name: stated[name] for name in _AS_WRITTEN},
        "home_id": row.home,
        "place": row.order,
        "left_why": "" if row.left is None else row.left.value,
        "situation": (row.situation if is_told else situation_in(row.living)).value,
        "eligibility": listed(stated["eligibility"]),
        "flags": listed(stated["flags"]),
        "conditions": msgspec.json.encode(row.conditions),
        "allergies": msgspec.json.encode(row.allergies),
        "medicines": msgspec.json.encode(row.medicines),
    }


def values_of_contact(row: ContactRow) -> Values:
    """For `contacts`."""
    return {
        "place": row.order,
        "contact_id": row.id or contact_id_of(row.resident, row.name, row.phones[0]),
        "name": row.name,
        "relation": row.relation,
        "phone": row.phones[0],
        "has_key": row.has_key,
        "circle": row.circle.value,
        "more_phones": listed(row.phones[1:]),
        "languages": listed(row.languages),
        "hours": row.hours,
        "may_see": listed(item.value for item in row.may_see),
        "tested_on": row.tested_on,
    }


def values_of_consent(row: ConsentRow, zone: tzinfo | None = None) -> Values:
    """For `consents`, without who wrote it down. `zone`: of a bare day."""
    return {
        "resident_id": row.resident,
        "purpose": row.purpose.value,
        "is_given": row.given,
        "given_by": row.by,
        "relation": row.relation,
        "at": moment_of(row.at, zone),
        "text_version": row.text_version,
        "how": row.how.value,
    }


def values_of_device(row: DeviceRow) -> Values:
    """For `devices`."""
    stated = row.model_dump(mode="json", exclude={"id", "home", "sensors"})
    return {**stated, "home_id": row.home, "sensors": listed(row.sensors)}


def home_in(row: sa.Row[tuple[object, ...]]) -> HomeRow:
    """From `homes` joined with `home_register` and `home_spots`."""
    return HomeRow.model_construct(
        id=row.home_id,
        address=row.address,
        place=row.place_id,
        route=row.route or "",
        gateway=row.gateway_id,
        offline_after=row.offline_after or 3,
        high_risk=bool(row.high_risk),
        lat=row.lat,
        lon=row.lon,
    )


def resident_in(row: sa.Row[tuple[object, ...]]) -> ResidentRow:
    """From `residents`."""
    return ResidentRow.model_construct(
        id=row.resident_id,
        home=row.home_id,
        order=row.place,
        name=row.name,
        born=row.born,
        sex=Sex(row.sex or Sex.UNKNOWN),
        phone=row.phone,
        language=row.language,
        hearing=Hearing(row.hearing or Hearing.UNKNOWN),
        living=row.living,
        situation=Situation(row.situation or Situation.UNKNOWN),
        care_level=CareLevel(row.care_level or CareLevel.UNKNOWN),
        eligibility=tuple(Eligibility(one) for one in unlisted(row.eligibility)),
        flags=tuple(Flag(one) for one in unlisted(row.flags)),
        conditions=_lines.decode(row.conditions),
        allergies=_lines.decode(row.allergies),
        medicines=_lines.decode(row.medicines),
        notes=row.notes,
        photo=row.photo,
        reviewed_on=row.reviewed_on,
        left=Left(row.left_why) if row.left_why else None,
        left_on=row.left_on,
    )


def contact_in(row: sa.Row[tuple[object, ...]]) -> ContactRow:
    """From `contacts`."""
    return ContactRow.model_construct(
        resident=row.resident_id,
        order=row.place,
        id=row.contact_id or contact_id_of(row.resident_id, row.name, row.phone),
        name=row.name,
        relation=row.relation,
        circle=Circle(row.circle),
        phones=(row.phone, *unlisted(row.more_phones)),
        has_key=row.has_key,
        languages=unlisted(row.languages),
        hours=row.hours,
        may_see=tuple(Item(one) for one in unlisted(row.may_see)),
        tested_on=row.tested_on,
    )


def consent_in(row: sa.Row[tuple[object, ...]]) -> ConsentRow:
    """From `consents`."""
    return ConsentRow.model_construct(
        resident=row.resident_id,
        purpose=Purpose(row.purpose),
        given=row.is_given,
        by=row.given_by,
        relation=row.relation,
        at=row.at.astimezone(UTC).isoformat(),
        text_version=row.text_version,
        how=How(row.how),
    )


def device_in(row: sa.Row[tuple[object, ...]]) -> DeviceRow:
    """From `devices`."""
    return DeviceRow.model_construct(
        id=row.device_id,
        home=row.home_id,
        kind=row.kind,
        maker=row.maker,
        model=row.model,
        serial=row.serial,
        sensors=unlisted(row.sensors),
        room=row.room,
        installed_on=row.installed_on,
        serviced_on=row.serviced_on,
        key_ref=row.key_ref,
    )


def contact_id_of(resident_id: str, name: str, phone: str) -> str:
    """The id of a contact who was given none; it says nothing of him."""
    return "c-" + hashlib.sha256(f"{resident_id}\n{name}\n{phone}".encode()).hexdigest()[:12]


def listed(words: Iterable[str]) -> str:
    """Words as the tables hold them."""
    return msgspec.json.encode(list(words)).decode()


def unlisted(stored: str) -> tuple[str, ...]:
    """Words that the tables hold."""
    return _lines.decode(stored)


_lines = msgspec.json.Decoder(tuple[str, ...])
