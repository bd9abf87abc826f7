"""A resident's record, resource by resource: whoever is asked for it must name who asks and why, and that is kept.

Without the resident's consent nothing of his health leaves the centre; the export says so (OperationOutcome).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from functools import partial

from community import consent
from community.consent import Purpose
from community.fhir import audit, bundle, casework, people, resources
from community.fhir.care import care
from community.fhir.codes import own
from community.fhir.measured import Watched
from community.fhir.moments import moment
from community.fhir.names import Names
from community.fhir.pages import paged
from community.fhir.reading import Every, Reader, groups
from community.fhir.record import CaseFile, Deed, OwnSeries, Person, Sensor, Try
from community.fhir.record import Reader as Who
from community.measurements.port import Span
from community.store import care_rows, fhir, fhir_cases, people_access, rights, stays
from community.store.database import Connection, Store
from community.store.fhir_cases import FoundAlarm
from community.store.people_access import Act
from community.store.stays import Stay
from community.users import User
from shouwang.alert import Severity
from shouwang.errors import ShouwangError

NEEDED = (Purpose.SHARING_WITH_CLINICS, Purpose.HEALTH_MONITORING)
"""To these the resident must have agreed: that his health is watched, and that others see what was found (PIPL 29)."""
MOST_VALUES = 10_000
"""Of one series, where values are told one by one and nobody says another number."""


_UNKNOWN = "there is no resident {} on file; look at the id in the register"


class UnknownResident(ShouwangError):
    """Nobody with this id is on file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where the record lies. `samples`: the store itself, or the one of measurements."""

    store: Store
    samples: Store
    names: Names
    zone: tzinfo | None
    day_offset: timedelta = timedelta(hours=8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Whose record, from when to when, how closely, for whom. `limit`: of single values of one series."""

    resident_id: str
    span: Span
    reader: Who
    every: Every = Every.HOUR
    limit: int = MOST_VALUES


Permit = Callable[[Connection], object]
"""Writes into the sealed log of reads who has the record and why; raises where he may not have it."""


def permit_of(user: User, wish: Wish) -> Permit:
    """For a user of the console or the interface. Raises Refused."""

    def permit(connection: Connection) -> None:
        home_id = rights.home_of(connection, wish.resident_id)
        if home_id is None:
            raise UnknownResident(_UNKNOWN.format(wish.resident_id))
        subject = rights.subject_of_home(connection, user, home_id, wish.reader.at, reason=wish.reader.why)
        subject = replace(subject, holds_medical=True)
        rights.look(connection, user, Act.EXPORT, subject, home_id=home_id, resident_id=wish.resident_id)

    return permit


def permit_of_shell(wish: Wish) -> Permit:
    """For whoever may give commands on the server: he has the whole database before him, and is only noted."""
    reader = wish.reader
    return partial(
        people_access.note,
        act=Act.EXPORT,
        actor=reader.who,
        at=reader.at,
        resident_id=wish.resident_id,
        reason=reader.why,
    )


async def export(sources: Sources, wish: Wish, permit: Permit) -> AsyncGenerator[bytes]:
    """The Bundle as JSON, piece by piece. Raises UnknownResident, and before the first piece what `permit` raises."""
    who = await sources.store.read(partial(fhir.person, resident_id=wish.resident_id))
    if who is None:
        raise UnknownResident(_UNKNOWN.format(wish.resident_id))
    await sources.store.write(permit)
    bundle_id = sources.names.id_of("Bundle", wish.resident_id, wish.reader.who, wish.reader.at)
    at = wish.reader.at.astimezone(sources.zone)
    async for piece in bundle.written(bundle_id, at, _Telling(sources, wish, who).whole()):
        yield piece


class _Telling:
    def __init__(self, sources: Sources, wish: Wish, who: Person) -> None:
        self._sources = sources
        self._wish = wish
        self._who = who
        self._names = sources.names
        self._subject = sources.names.ref("Patient", who.resident_id)
        self._told = casework.Told(names=sources.names, subject=self._subject, zone=sources.zone)
        self._issues: list[resources.Issue] = []
        self._others: frozenset[str] = frozenset()
        self._lived: tuple[Stay, ...] = ()

    async def whole(self) -> AsyncIterator[resources.AnyResource]:
        who, reader, zone = self._who, self._wish.reader, self._sources.zone
        claims = await self._sources.store.read(partial(stays.claims, resident_id=who.resident_id))
        self._lived = await self._sources.store.read(partial(stays.of_person, resident_id=who.resident_id))
        may_tell = self._may_tell_of_health()
        told = claims if may_tell else ()
        boxes = await self._sources.store.read(partial(fhir.boxes, home_id=who.home_id, claims=told))
        series = await self._sources.samples.read(partial(fhir.series_of, claims=told))
        here = [box.gateway_id for box in boxes if box.is_here]
        sensors = await self._sources.store.read(partial(fhir.sensors, gateways=here, series=series))
        yield people.patient(self._names, who)
        for contact in people.contacts(self._names, who):
            yield contact
        for said in people.consents(self._names, who, reader.at, zone):
            yield said
        for device in people.devices(self._names, who, boxes, sensors):
            yield device
        if may_tell:
            async for resource in self._health([box.gateway_id for box in boxes], sensors, series):
                yield resource
        yield audit.provenance_of_export(self._names, who.resident_id, reader, zone)
        yield audit.audit_of_export(self._names, who.resident_id, reader, zone)
        if self._issues:
            outcome_id = self._names.id_of("OperationOutcome", who.resident_id, reader.at)
            yield resources.OperationOutcome(id=outcome_id, issue=tuple(self._issues))

    def _may_tell_of_health(self) -> bool:
        lacking = [purpose for purpose in NEEDED if not consent.may(purpose, self._who.consents, self._wish.reader.at)]
        if self._who.is_erased:
            self._say("deleted", "erased", "此人资料已按要求删除 (this person's data was erased on request)")
        elif lacking:
            purposes = ", ".join(lacking)
            self._say(
                "suppressed",
                "no-consent",
                f"未获同意，不含健康数据 (no consent to {purposes}: nothing of the person's health is in this bundle)",
            )
        return not lacking and not self._who.is_erased

    def _say(self, code: str, own_code: str, text: str) -> None:
        self._issues.append(resources.Issue(severity="warning", code=code, details=own("issue", own_code, text)))

    async def _health(
        self, gateways: Sequence[str], sensors: Sequence[Sensor], series: Sequence[OwnSeries]
    ) -> AsyncIterator[resources.AnyResource]:
        for known in people.health(self._names, self._who):
            yield known
        entries = await self._sources.store.read(partial(care_rows.of_person, resident_id=self._who.resident_id))
        today = self._wish.reader.at.astimezone(self._sources.zone).date()
        for known in care(self._names, self._who.resident_id, entries, today):
            yield known
        for sensor in sensors:
            mine = [one for one in series if (one.gateway_id, one.sensor_id) == (sensor.gateway_id, sensor.sensor_id)]
            for together in groups(mine):
                async for observation in self._measured(sensor, together):
                    yield observation
        named = await self._sources.samples.read(lambda connection: fhir.named_in_readings(connection, gateways))
        mates = await self._sources.store.read(partial(fhir.housemates, who=self._who, lived=self._lived))
        self._others = (named | mates) - {self._who.resident_id}
        async for case in self._cases():
            async for resource in self._case(case):
                yield resource

    async def _measured(self, sensor: Sensor, series: Sequence[OwnSeries]) -> AsyncIterator[resources.Observation]:
        sources, wish = self._sources, self._wish
        watched = Watched(names=self._names, subject=self._subject, zone=sources.zone, sensor=sensor)
        reader = Reader(sources.samples, wish.span, wish.every, day_offset=sources.day_offset)
        if wish.every is not Every.VALUE:
            async for observation in reader.spans(watched, series):
                yield observation
            return
        async for found in reader.values(watched, series, wish.limit):
            if isinstance(found, datetime):
                since = moment(found, sources.zone)
                what = f"{sensor.sensor_id} {series[0].quantity.value}"
                told = f"仅前 {wish.limit} 个数值 (only the first {wish.limit} values; ask for those from {since} on)"
                self._say("incomplete", "too-many-values", f"{what}: {told}")
            else:
                yield found

    # ---- cases ----

    def _cases(self) -> AsyncIterator[CaseFile]:
        lived, span = self._lived, self._wish.span

        def page(connection: Connection, after: int | None, limit: int) -> Sequence[CaseFile]:
            return fhir_cases.cases(connection, lived, span, after or 0, limit)

        return paged(self._sources.store, page, lambda case: case.incident_id)

    async def _case(self, case: CaseFile) -> AsyncIterator[resources.AnyResource]:
        """A case, unless all its alarms are about somebody else of the home."""
        has_flag, is_mine, is_others = False, False, False
        was_first = any(
            one.is_first and one.home_id == case.home_id and one.span.start <= case.opened_at < one.span.end
            for one in self._lived
        )
        async for found in self._alarms(case.incident_id):
            alarm = found.alarm
            if not self._is_mine(found.about, was_first=was_first):
                is_others = True
                continue
            is_mine = True
            if alarm.severity is not Severity.P3:  # of the equipment, not of the person
                has_flag = has_flag or (alarm.gateway_id, alarm.key, alarm.told_since) == case.lead
                yield casework.flag(self._told, alarm)
        if not is_mine and (is_others or not was_first):
            return
        visit, last = casework.Visit(), None
        async for deed in self._deeds(case.incident_id):
            visit.hear(deed)
            last = deed
            yield audit.audit_event(self._names, deed, self._sources.zone)
        if visit.began is not None:
            yield casework.encounter(self._told, case, visit)
        if case.offered:
            yield casework.service_request(self._told, case)
        yield casework.task(self._told, case, has_flag=has_flag, has_visit=visit.began is not None)
        if last is not None:
            yield audit.provenance_of_case(self._names, last, self._sources.zone)
        async for one in self._tries(case.incident_id):
            yield casework.communication(self._told, one)

    def _is_mine(self, about: str, *, was_first: bool) -> bool:
        """Alarms that name nobody, or whom only the home knows, are of whoever stood first there then."""
        return about == self._who.resident_id or (was_first and about not in self._others)

    def _alarms(self, incident_id: int) -> AsyncIterator[FoundAlarm]:
        def page(connection: Connection, after: tuple[str, str] | None, limit: int) -> Sequence[FoundAlarm]:
            return fhir_cases.alarms(connection, incident_id, after, limit)

        return paged(self._sources.store, page, lambda found: found.place)

    def _deeds(self, incident_id: int) -> AsyncIterator[Deed]:
        def page(connection: Connection, after: int | None, limit: int) -> Sequence[Deed]:
            return fhir_cases.deeds(connection, incident_id, after or 0, limit)

        return paged(self._sources.store, page, lambda deed: deed.seq)

    def _tries(self, incident_id: int) -> AsyncIterator[Try]:
        def page(connection: Connection, after: int | None, limit: int) -> Sequence[Try]:
            return fhir_cases.tries(connection, incident_id, after or 0, limit)

        return paged(self._sources.store, page, lambda one: one.attempt_id)
