"""The record of a resident as a FHIR Bundle, out of both databases: whole, valid, only with consent, bounded."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fixtures.casebook import at_the_desk, brought_to_end, wish
from fixtures.community_home import NOON, DemoHome
from fixtures.fhir_rules import checked, of_type

from community.casefile import Disposition
from community.consent import Purpose
from community.fhir import pages
from community.fhir.export import Sources, UnknownResident, Wish, export, permit_of, permit_of_shell
from community.fhir.names import Names
from community.fhir.reading import Every
from community.fhir.record import Reader
from community.measurements.port import Span
from community.registry import ContactRow, ResidentRow, register_of
from community.rights import Refused
from community.settings import HomeEntry, ResidentEntry
from community.store import case_schema, intake, people_access, schema, views
from community.store.database import Store
from community.store.directory import bring_in
from community.store.measurement_schema import rollups
from community.store.people_access import Act
from community.store.people_erasure import erase
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import consents
from community.users import Role, User
from shouwang.alert import AlertState, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.wire import TelemetryBody

SOON = NOON + timedelta(seconds=1)
DAY = timedelta(days=1)
AROUND = Span(NOON - DAY, NOON + DAY)
NAMES = Names(centre="演示中心", url="https://care.example.org")
WHO = "resident-0001"


async def take(store: Store, *envelopes: object, at: datetime = SOON) -> None:
    await store.write(lambda connection: intake.take_in(connection, envelopes, at))


async def agree(store: Store, *purposes: Purpose, resident_id: str = WHO, is_given: bool = True, at=NOON - DAY) -> None:
    def work(connection) -> None:
        for purpose in purposes or (Purpose.HEALTH_MONITORING, Purpose.SHARING_WITH_CLINICS):
            connection.execute(
                consents.insert().values(
                    resident_id=resident_id,
                    purpose=purpose.value,
                    is_given=is_given,
                    given_by="王桂兰",
                    relation="self",
                    at=at,
                    text_version="2026-01",
                    how="paper",
                    recorded_by="zhang",
                    recorded_at=at,
                )
            )

    await store.write(work)


def asked(every: Every = Every.VALUE, *, span: Span = AROUND, limit: int = 10_000, resident_id: str = WHO) -> Wish:
    reader = Reader(who="zhang", why="复诊", at=NOON + timedelta(hours=2))
    return Wish(resident_id=resident_id, span=span, reader=reader, every=every, limit=limit)


async def pieces(store: Store, wanted: Wish, permit=None) -> list[bytes]:
    permit = permit or permit_of_shell(wanted)
    sources = Sources(store=store, samples=store, names=NAMES, zone=ZoneInfo("Asia/Shanghai"))
    return [piece async for piece in export(sources, wanted, permit)]


async def exported(store: Store, wanted: Wish | None = None) -> dict:
    return checked(b"".join(await pieces(store, wanted or asked())))


def measured(*readings: Reading) -> TelemetryBody:
    return TelemetryBody(readings=readings)


def reading(quantity: Quantity, value: float, *, at: datetime = NOON, sensor: str = "s1", **more: object) -> Reading:
    return Reading(sensor_id=sensor, quantity=quantity, value=value, at=at, mono=1000, **more)


def values(observations: Iterable[dict]) -> list[float]:
    return [one["valueQuantity"]["value"] for one in observations]


async def the_case(store: Store) -> int:
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    return row.incident_id


# ---- who it is about ----


def sons(names: tuple[str, ...]) -> tuple[ContactRow, ...]:
    """They are called in this order."""
    return tuple(
        ContactRow(resident=WHO, order=place, id=f"c-{name}", name=name, phones=(f"138{name}",))
        for place, name in enumerate(names)
    )


async def test_people_to_call_keep_their_ids_in_another_order(store: Store) -> None:
    hand = Hand(by="li", at=NOON)
    found = []
    for names in (("1", "2", "3"), ("3", "1"), ("1", "2", "3")):
        await store.write(lambda connection, names=names: take_in(connection, register_of(sons(names)), hand, Tally()))
        bundle = await exported(store)
        found.append({one["name"][0]["text"]: one["id"] for one in of_type(bundle, "RelatedPerson")})
        assert tuple(found[-1]) == names
    first, fewer, again = found
    assert again == first
    assert fewer == {name: first[name] for name in ("3", "1")}
    assert len(set(first.values())) == 3


@pytest.mark.parametrize(("left", "died"), [("died", "2026-11-20"), ("moved", None), ("care_home", None)])
async def test_the_record_says_that_he_died_or_is_here_no_more(store: Store, left: str, died: str | None) -> None:
    (patient,) = of_type(await exported(store), "Patient")
    assert patient["active"]
    assert "deceasedDateTime" not in patient
    row = ResidentRow.model_validate(
        {"id": WHO, "home": "home-501", "name": "王桂兰", "left": left, "left_on": "2026-11-20"}
    )
    hand = Hand(by="li", at=NOON)
    await store.write(lambda connection: take_in(connection, register_of([row]), hand, Tally()))
    (patient,) = of_type(await exported(store), "Patient")
    assert not patient["active"]
    assert patient.get("deceasedDateTime") == died


async def test_the_record_says_who_it_is_and_whom_to_call(store: Store) -> None:
    bundle = await exported(store)
    (patient,) = of_type(bundle, "Patient")
    assert patient["name"] == [{"text": "王桂兰"}]
    assert patient["birthDate"] == "1944"
    assert patient["address"] == [{"text": "3号楼2-501"}]
    assert patient["identifier"][0]["value"] == WHO
    (son,) = of_type(bundle, "RelatedPerson")
    assert son["relationship"] == [{"text": "儿子"}]
    assert son["telecom"] == [{"system": "phone", "value": "138", "rank": 1}]
    assert son["patient"]["reference"] == f"urn:uuid:{patient['id']}"
    (gateway,) = of_type(bundle, "Device")
    assert gateway["status"] == "inactive"


async def test_nobody_has_no_record(store: Store) -> None:
    with pytest.raises(UnknownResident, match="no resident nobody"):
        await pieces(store, asked(resident_id="nobody"))


async def test_health_of_the_card_is_told(store: Store) -> None:
    await agree(store)
    bundle = await exported(store)
    assert [one["code"]["text"] for one in of_type(bundle, "Condition")] == ["冠心病"]
    assert [one["code"]["text"] for one in of_type(bundle, "Flag")] == ["独居"]


# ---- consent and the record of reads ----


@pytest.mark.parametrize("given", [(), (Purpose.SHARING_WITH_CLINICS,), (Purpose.HEALTH_MONITORING,)])
async def test_without_consent_nothing_of_health_leaves(store: Store, home: DemoHome, given) -> None:
    await take(store, home.envelope(home.alert()), home.envelope(measured(reading(Quantity.SPO2, 91))))
    if given:
        await agree(store, *given)
    bundle = await exported(store)
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert kinds - {"Consent"} == {
        "Patient",
        "RelatedPerson",
        "Device",
        "Provenance",
        "AuditEvent",
        "OperationOutcome",
    }
    (outcome,) = of_type(bundle, "OperationOutcome")
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "suppressed")
    assert issue["details"]["coding"][0]["code"] == "no-consent"
    assert "冠心病" not in json.dumps(bundle, ensure_ascii=False)


async def test_consent_that_was_withdrawn_is_none(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(measured(reading(Quantity.SPO2, 91))))
    await agree(store)
    assert len(of_type(await exported(store), "Observation")) == 1
    await agree(store, Purpose.SHARING_WITH_CLINICS, is_given=False, at=NOON)
    bundle = await exported(store)
    assert of_type(bundle, "Observation") == []
    states = {one["category"][1]["coding"][0]["code"]: one["status"] for one in of_type(bundle, "Consent")}
    assert states == {"health_monitoring": "active", "sharing_with_clinics": "inactive"}


async def test_who_has_the_record_and_why_is_sealed(store: Store) -> None:
    bundle = await exported(store)
    (access,) = await store.read(lambda connection: people_access.of_resident(connection, WHO))
    assert (access.actor, access.act, access.reason) == ("zhang", Act.EXPORT, "复诊")
    (event,) = of_type(bundle, "AuditEvent")
    assert event["agent"][0]["who"]["display"] == "zhang"
    assert event["entity"][0]["detail"] == [{"type": "purpose", "valueString": "复诊"}]


def user(role: Role, **more: object) -> User:
    return User(user_id="u1", login="chen", name="陈", role=role, language="zh", **more)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SUPERVISOR])
async def test_a_reader_who_may_not_gets_no_byte_and_leaves_no_entry(store: Store, role: Role) -> None:
    with pytest.raises(Refused):
        await pieces(store, asked(), permit_of(user(role), asked()))
    assert await store.read(lambda connection: people_access.of_resident(connection, WHO)) == ()


async def test_a_supervisor_takes_the_record_and_is_noted(store: Store) -> None:
    await pieces(store, asked(), permit_of(user(Role.SUPERVISOR), asked()))
    (access,) = await store.read(lambda connection: people_access.of_resident(connection, WHO))
    assert (access.actor, access.act, access.reason) == ("chen", Act.EXPORT, "复诊")
    elsewhere = user(Role.SUPERVISOR, areas=frozenset({"other"}))
    with pytest.raises(Refused):
        await pieces(store, asked(), permit_of(elsewhere, asked()))


# ---- measurements ----


async def test_values_of_a_day_with_their_devices(store: Store, home: DemoHome) -> None:
    await agree(store)
    later = NOON + timedelta(minutes=3)
    await take(
        store,
        home.envelope(
            measured(
                reading(Quantity.SPO2, 96, sensor="oximeter"),
                reading(Quantity.HEART_RATE, 71, sensor="oximeter"),
                reading(Quantity.SYSTOLIC, 131, sensor="cuff", at=later),
                reading(Quantity.DIASTOLIC, 78, sensor="cuff", at=later),
                reading(Quantity.DOOR, 1, sensor="door"),
                reading(Quantity.TEMPERATURE, 21, sensor="room"),
            )
        ),
        at=NOON + timedelta(minutes=4),
    )
    bundle = await exported(store)
    by_code = {one["code"]["coding"][0]["code"]: one for one in of_type(bundle, "Observation")}
    assert by_code.keys() == {"2708-6", "8867-4", "85354-9"}
    assert by_code["2708-6"]["valueQuantity"]["value"] == 96
    assert by_code["8867-4"]["code"]["coding"][1]["code"] == "149530"
    assert [part["valueQuantity"]["value"] for part in by_code["85354-9"]["component"]] == [131, 78]
    assert by_code["85354-9"]["effectiveDateTime"] == "2026-11-24T20:03:00+08:00"
    assert by_code["85354-9"]["issued"] == "2026-11-24T20:04:00+08:00"
    devices = {one["id"]: one for one in of_type(bundle, "Device")}
    device = devices[by_code["85354-9"]["device"]["reference"].removeprefix("urn:uuid:")]
    assert device["identifier"][0]["value"] == "gw-demo-0001/cuff"
    assert device["parent"]["reference"].removeprefix("urn:uuid:") in devices


async def test_what_came_late_and_what_is_doubtful_says_so(store: Store, home: DemoHome) -> None:
    await agree(store)
    old = NOON - timedelta(hours=5)
    await take(
        store,
        home.envelope(
            measured(
                reading(Quantity.GLUCOSE, 6.1, at=old, is_late=True),
                reading(Quantity.SPO2, 74, quality=Quality.QUESTIONABLE),
            )
        ),
    )
    doubtful, late = of_type(await exported(store), "Observation")
    assert {"url": "urn:shouwang:fhir:late", "valueBoolean": True} in late["extension"]
    assert doubtful["status"] == "preliminary"


async def test_only_the_time_that_was_asked_for(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.readings(10)))
    span = Span(NOON + timedelta(seconds=2), NOON + timedelta(seconds=5))
    assert values(of_type(await exported(store, asked(span=span)), "Observation")) == [92, 93, 94]


async def test_an_hour_of_many_values_is_one_and_a_few_stay_single(store: Store, home: DemoHome) -> None:
    await agree(store)
    many = tuple(reading(Quantity.HEART_RATE, 60 + i, at=NOON + timedelta(minutes=i)) for i in range(11))
    few = tuple(
        one
        for i in range(2)
        for one in (
            reading(Quantity.SYSTOLIC, 130 + i, sensor="cuff", at=NOON + timedelta(minutes=i)),
            reading(Quantity.DIASTOLIC, 80 + i, sensor="cuff", at=NOON + timedelta(minutes=i)),
        )
    )
    await take(store, home.envelope(measured(*many, *few)), at=NOON + timedelta(minutes=12))
    observations = of_type(await exported(store, asked(Every.HOUR)), "Observation")
    (hour,) = [one for one in observations if "effectivePeriod" in one]
    assert hour["valueQuantity"]["value"] == 65
    assert hour["effectivePeriod"] == {"start": "2026-11-24T20:00:00+08:00", "end": "2026-11-24T21:00:00+08:00"}
    assert hour["extension"][0]["extension"][0] == {"url": "count", "valueUnsignedInt": 11}
    pressures = [one for one in observations if "effectiveDateTime" in one]
    assert [[part["valueQuantity"]["value"] for part in one["component"]] for one in pressures] == [
        [130, 80],
        [131, 81],
    ]


async def test_few_values_that_are_not_kept_any_more_are_told_by_their_sums(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(measured(reading(Quantity.WEIGHT, 61))))

    def age(connection) -> None:
        (row,) = connection.execute(schema.series.select()).all()
        sums = {"series_id": row.series_id, "step": 900, "at": NOON - timedelta(hours=3), "count": 2, "total": 121.0}
        connection.execute(rollups.insert().values(sums | {"least": 60.0, "most": 61.0, "doubtful": 0}))

    await store.write(age)
    old, new = of_type(await exported(store, asked(Every.HOUR)), "Observation")
    assert old["effectivePeriod"]["start"] == "2026-11-24T17:00:00+08:00"
    assert old["valueQuantity"]["value"] == 60.5
    assert new["effectiveDateTime"] == "2026-11-24T20:00:00+08:00"


async def test_a_day_is_one_value(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.readings(20)))
    (day,) = of_type(await exported(store, asked(Every.DAY)), "Observation")
    assert day["effectivePeriod"] == {"start": "2026-11-24T00:00:00+08:00", "end": "2026-11-25T00:00:00+08:00"}
    assert day["extension"][0]["extension"][0]["valueUnsignedInt"] == 20


async def test_more_values_than_asked_for_are_cut_and_it_says_so(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.readings(30)))
    bundle = await exported(store, asked(limit=7))
    assert values(of_type(bundle, "Observation")) == [90, 91, 92, 93, 94, 95, 96]
    (issue,) = of_type(bundle, "OperationOutcome")[0]["issue"]
    assert issue["code"] == "incomplete"
    assert "2026-11-24T20:00:07+08:00" in issue["details"]["text"]
    assert of_type(await exported(store, asked(limit=30)), "OperationOutcome") == []


async def test_pages_tear_no_pressure_apart(store: Store, home: DemoHome, monkeypatch) -> None:
    monkeypatch.setattr("community.fhir.reading._PAGE", 3)
    await agree(store)
    taken = [
        reading(quantity, value + i, at=NOON + timedelta(minutes=i))
        for i in range(5)
        for quantity, value in ((Quantity.SYSTOLIC, 120), (Quantity.DIASTOLIC, 70))
    ]
    await take(store, home.envelope(measured(*taken)), at=NOON + timedelta(minutes=6))
    told = of_type(await exported(store), "Observation")
    assert [[part["valueQuantity"]["value"] for part in one["component"]] for one in told] == [
        [120 + i, 70 + i] for i in range(5)
    ]


async def test_a_long_record_comes_in_pieces(store: Store, home: DemoHome) -> None:
    await agree(store)
    for start in range(0, 2000, 500):
        many = (home.reading(90 + i % 9, at=NOON + timedelta(seconds=start + i)) for i in range(500))
        await take(store, home.envelope(measured(*many)), at=NOON + timedelta(hours=1))
    got = await pieces(store, asked())
    assert len(got) > 10
    assert max(map(len, got)) < 80_000
    assert len(of_type(json.loads(b"".join(got)), "Observation")) == 2000
    hours = await pieces(store, asked(Every.HOUR))
    assert len(of_type(json.loads(b"".join(hours)), "Observation")) == 1


# ---- several people in one home ----


async def test_values_of_another_are_not_in_the_record(store: Store, home: DemoHome) -> None:
    mate = ResidentRow(id="li-jianguo", home="home-501", order=1, name="李建国")
    await store.write(lambda connection: take_in(connection, register_of([mate]), Hand(by="sun", at=NOON), Tally()))
    await agree(store)
    await agree(store, resident_id="li-jianguo")
    mine, his, guest = (
        reading(Quantity.WEIGHT, value, resident_id=who) for value, who in ((61, ""), (80, "li-jianguo"), (90, "guest"))
    )
    his_alert = msgspec.structs.replace(home.alert("fall:hall", hazard="fall"), resident_id="li-jianguo")
    await take(store, home.envelope(measured(mine, his, guest)), home.envelope(his_alert))
    bundle = await exported(store)
    assert values(of_type(bundle, "Observation")) == [61]
    assert of_type(bundle, "Task") == []
    assert [one["code"]["coding"][0]["code"] for one in of_type(bundle, "Flag")] == ["living-situation"]
    other = await exported(store, asked(resident_id="li-jianguo"))
    assert values(of_type(other, "Observation")) == [80]
    assert [one["code"]["coding"][0]["code"] for one in of_type(other, "Flag")] == ["fall"]
    assert len(of_type(other, "Task")) == 1


async def test_who_lives_there_after_an_erased_person_is_the_first(store: Store, home: DemoHome) -> None:
    entry = ResidentEntry(id="new-tenant", name="赵")
    next_one = HomeEntry(id="home-501", gateway="gw-demo-0001", address="3号楼2-501", resident=entry)
    await store.write(lambda connection: erase(connection, WHO, by="sun", at=NOON, reason="本人要求"))
    await store.write(lambda connection: bring_in(connection, (next_one,), NOON))
    await agree(store, resident_id="new-tenant")
    await agree(store)
    await take(store, home.envelope(measured(reading(Quantity.WEIGHT, 70))))
    assert values(of_type(await exported(store, asked(resident_id="new-tenant")), "Observation")) == [70]
    gone = await exported(store)
    assert of_type(gone, "Observation") == []
    assert of_type(gone, "OperationOutcome")[0]["issue"][0]["details"]["coding"][0]["code"] == "erased"
    assert "王桂兰" not in json.dumps(of_type(gone, "Patient"), ensure_ascii=False)


# ---- alarms and cases ----


async def test_a_fall_is_an_active_flag_and_a_requested_task(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert("fall:hall", hazard="fall", sensor_id="radar")))
    bundle = await exported(store)
    fall = next(one for one in of_type(bundle, "Flag") if one["code"]["coding"][0]["code"] == "fall")
    assert fall["status"] == "active"
    assert fall["code"]["coding"] == [{"system": "urn:shouwang:hazard", "code": "fall"}]
    assert fall["category"][0]["coding"][0]["code"] == "safety"
    assert fall["period"] == {"start": "2026-11-24T20:00:00+08:00"}
    (task,) = of_type(bundle, "Task")
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "order", "stat")
    assert task["businessStatus"]["coding"][0]["code"] == "OPEN"
    assert task["focus"]["reference"] == f"urn:uuid:{fall['id']}"
    assert task["authoredOn"] == "2026-11-24T20:00:01+08:00"
    opened = of_type(bundle, "AuditEvent")[0]
    assert opened["action"] == "C"
    assert opened["entity"][0]["what"]["reference"] == f"urn:uuid:{task['id']}"


async def test_an_alarm_that_ended_at_home_is_inactive(store: Store, home: DemoHome) -> None:
    await agree(store)
    end = home.alert("fall:hall", hazard="fall", state=AlertState.RESOLVED, at=NOON + timedelta(minutes=2))
    await take(store, home.envelope(home.alert("fall:hall", hazard="fall")), home.envelope(end))
    fall = next(one for one in of_type(await exported(store), "Flag") if "period" in one)
    assert fall["status"] == "inactive"
    assert fall["period"]["end"] == "2026-11-24T20:02:00+08:00"


async def test_a_fault_of_the_equipment_is_a_task_and_no_flag(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert("silent:door", hazard="sensor-silent", severity=Severity.P3)))
    bundle = await exported(store)
    assert [one["priority"] for one in of_type(bundle, "Task")] == ["asap"]
    assert [one for one in of_type(bundle, "Flag") if "period" in one] == []


async def test_a_case_that_was_worked_to_its_end(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert()))
    give = at_the_desk(store, SOON)
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    await brought_to_end(give, row, disposition=Disposition.HELPED)
    bundle = await exported(store)
    (task,) = of_type(bundle, "Task")
    assert task["status"] == "completed"
    assert task["output"][0]["valueCodeableConcept"]["coding"][0]["code"] == "helped"
    assert {"start", "end"} == task["executionPeriod"].keys()
    steps = [one["subtype"][0]["code"] for one in of_type(bundle, "AuditEvent") if "subtype" in one]
    assert steps == ["opened", "ack", "resolve_remote", "verify_ok", "revisit_ok"]
    actors = [one["agent"][0]["who"]["display"] for one in of_type(bundle, "AuditEvent") if "subtype" in one]
    assert actors == ["演示中心", "zhang", "zhang", "li", "wu"]
    source = next(one for one in of_type(bundle, "Provenance") if "entity" in one)
    last = [one for one in of_type(bundle, "AuditEvent") if "subtype" in one][-1]
    seal = {one["type"]: one["valueString"] for one in last["entity"][0]["detail"]}
    assert source["entity"][0]["what"]["identifier"]["value"] == f"{seal['seq']}:{seal['sha256']}"
    assert "平安" not in json.dumps(bundle, ensure_ascii=False), "words of people stay in the centre"


async def test_a_case_that_was_dispatched_and_visited(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert()))
    give = at_the_desk(store, SOON)
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    row = await give(wish("ack", row.incident_id, version=row.version))
    row = await give(wish("dispatch", row.incident_id, version=row.version, targets=("liu",)))
    row = await give(wish("accept", row.incident_id, "liu", role="responder"))
    requested = await exported(store)
    (request,) = of_type(requested, "ServiceRequest")
    assert (request["status"], request["performer"][0]["display"]) == ("active", "liu")
    assert of_type(requested, "Encounter") == []
    assert of_type(requested, "Task")[0]["status"] == "in-progress"
    await give(wish("arrive", row.incident_id, "liu", role="responder"))
    (there,) = of_type(await exported(store), "Encounter")
    assert there["status"] == "in-progress"
    assert "end" not in there["period"]
    found = {"disposition": Disposition.HOSPITAL, "text": "已送医"}
    await give(wish("report", row.incident_id, "liu", role="responder", **found))
    bundle = await exported(store)
    (visit,) = of_type(bundle, "Encounter")
    assert visit["status"] == "finished"
    assert visit["class"]["code"] == "HH"
    assert visit["period"] == {"start": "2026-11-24T20:00:01+08:00", "end": "2026-11-24T20:00:01+08:00"}
    assert visit["participant"][0]["individual"]["display"] == "liu"
    (task,) = of_type(bundle, "Task")
    assert task["encounter"]["reference"] == f"urn:uuid:{visit['id']}"
    assert task["basedOn"][0]["type"] == "ServiceRequest"


async def test_who_was_called_and_whether_it_reached_him(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert()))

    number = await the_case(store)

    def called(connection) -> None:
        notice = {
            "version": 1,
            "place": 0,
            "step": "ladder",
            "audience": "family",
            "to_whom": "",
            "rung": 3,
            "prompt": "",
        }
        notice |= {"incident_id": number, "created_at": SOON, "created_e": 0, "state": "done"}
        made = connection.execute(
            case_schema.notices.insert().values(notice).returning(case_schema.notices.c.notice_id)
        )
        notice_id = made.scalar_one()
        for channel, outcome, code in (
            ("sms", "delivered", "0"),
            ("voice", "failed", "486 busy"),
            ("push", "sent", ""),
        ):
            connection.execute(
                case_schema.attempts.insert().values(
                    notice_id=notice_id,
                    channel=channel,
                    person="王强",
                    key=channel,
                    outcome=outcome,
                    code=code,
                    tries=1,
                    queued_at=SOON,
                    changed_at=SOON + timedelta(seconds=9),
                )
            )

    await store.write(called)
    sms, voice, push = of_type(await exported(store), "Communication")
    assert (sms["status"], sms["received"]) == ("completed", "2026-11-24T20:00:10+08:00")
    assert sms["medium"][0]["coding"][0]["code"] == "WRITTEN"
    assert sms["recipient"][0]["display"] == "王强"
    assert (voice["status"], voice["statusReason"]) == ("not-done", {"text": "486 busy"})
    assert voice["medium"][0]["coding"][0]["code"] == "PHONE"
    assert push["status"] == "in-progress"


async def test_open_cases_are_told_however_old_and_closed_ones_of_their_time(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert()))
    much_later = Span(NOON + 30 * DAY, NOON + 31 * DAY)
    assert len(of_type(await exported(store, asked(span=much_later)), "Task")) == 1
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    await brought_to_end(at_the_desk(store, SOON), row)
    assert of_type(await exported(store, asked(span=much_later)), "Task") == []
    before = Span(NOON - 2 * DAY, NOON - DAY)
    assert of_type(await exported(store, asked(span=before)), "Task") == []


async def test_long_lists_are_read_by_pages(store: Store, home: DemoHome, monkeypatch) -> None:
    monkeypatch.setattr(pages, "_AT_ONCE", 2)
    await agree(store)
    since = [NOON + timedelta(seconds=i) for i in range(5)]
    await take(store, *(home.envelope(home.alert(since=one)) for one in since), at=NOON + timedelta(minutes=1))
    bundle = await exported(store)
    assert len([one for one in of_type(bundle, "Flag") if "period" in one]) == 5
    assert len([one for one in of_type(bundle, "AuditEvent") if "subtype" in one]) == 5


async def test_the_same_record_has_the_same_ids(store: Store, home: DemoHome) -> None:
    await agree(store)
    await take(store, home.envelope(home.alert()), home.envelope(home.readings(3)))
    first, second = await exported(store), await exported(store)
    assert [entry["fullUrl"] for entry in first["entry"]] == [entry["fullUrl"] for entry in second["entry"]]
