"""Rows of a register taken in: only what differs is written, and what was said before is kept.

`dry` writes nothing and counts the same. Large registers come in batches, so that no alarm waits behind them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from community.registry import (
    TABLES,
    AssessmentRow,
    CarePlanRow,
    ConsentRow,
    ContactRow,
    DeviceRow,
    HomeRow,
    MedicineRow,
    PlaceRow,
    Register,
    ResidentRow,
    Row,
)
from community.store import care_rows, contact_keys, leaving, points, proposals, schema, stays
from community.store.centre_zone import zone_of
from community.store.differing import differing, matches, said
from community.store.people_rows import (
    Values,
    contact_id_of,
    contact_in,
    values_of_consent,
    values_of_contact,
    values_of_device,
    values_of_home,
    values_of_resident,
)
from community.store.people_schema import consents, devices, home_register, places, register_changes
from community.store.places import below, put_below


@dataclass(frozen=True, kw_only=True, slots=True)
class Hand:
    """Who writes, when and why; `dry`: only counts."""

    by: str
    at: datetime
    reason: str = ""
    dry: bool = False


@dataclass(kw_only=True, slots=True)
class Tally:
    """What became of the rows of each table, and every change in words."""

    new: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    changed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    same: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    changes: list[str] = field(default_factory=list)

    @property
    def touched(self) -> int:
        """How many rows are new or changed."""
        return sum(self.new.values()) + sum(self.changed.values())


def take_in(connection: sa.Connection, register: Register, hand: Hand, tally: Tally) -> None:
    """Make the tables say what the rows say, which `registry_checks.sift` has let through."""
    pen = _Pen(connection, hand, tally)
    for place in register.rows(PlaceRow):
        pen.place(place)
    pen.let_go_of_boxes(register.rows(HomeRow))
    for home in register.rows(HomeRow):
        pen.home(home)
    for resident in register.rows(ResidentRow):
        pen.resident(resident)
    pen.lists(register.rows(ContactRow))
    for consent in register.rows(ConsentRow):
        pen.consent(consent)
    for device in register.rows(DeviceRow):
        pen.device(device)
    plans: tuple[care_rows.CareRow, ...] = register.rows(CarePlanRow)
    for entry in (*plans, *register.rows(AssessmentRow), *register.rows(MedicineRow)):
        pen.care(entry)
    if pen.has_moved_boxes:
        settle_gateways(connection, hand.at)
    stays.settle_residents(connection, hand.at, pen.lived_in)


def put_contacts(connection: sa.Connection, resident_id: str, rows: Iterable[ContactRow], hand: Hand) -> bool:
    """Whether the list of a resident, which may be empty now, was another before these rows."""
    tally = Tally()
    _Pen(connection, hand, tally).lists(rows, [resident_id])
    return tally.touched > 0


def note_change(
    connection: sa.Connection,
    hand: Hand,
    *,
    home_id: str,
    resident_id: str | None,
    subject: str,
    changes: Mapping[str, tuple[object, object]],
) -> None:
    """Keep what a row said before."""
    for name, (before, after) in changes.items():
        connection.execute(
            sa.insert(register_changes).values(
                resident_id=resident_id,
                home_id=home_id,
                subject=subject,
                field=name,
                before=said(before),
                after=said(after),
                reason=hand.reason,
                by=hand.by,
                at=hand.at,
            )
        )


class _Pen:
    def __init__(self, connection: sa.Connection, hand: Hand, tally: Tally) -> None:
        self._connection = connection
        self._hand = hand
        self._tally = tally
        self.has_moved_boxes = False
        self.lived_in: set[str] = set()
        """Homes into which or out of which somebody has moved."""

    def place(self, row: PlaceRow) -> None:
        values: dict[str, object] = {
            "parent_id": row.within,
            "level": row.level.value,
            "code": row.code,
            "name": row.name,
        }
        values |= {"lat": row.lat, "lon": row.lon}
        key = {"place_id": row.id}
        is_new = self._before(places, key) is None
        self._put("places", places, key, values if is_new else self._stated(row, values, {"within": "parent_id"}))

    def let_go_of_boxes(self, homes: Iterable[HomeRow]) -> None:
        """Boxes that change homes with each other are first in none."""
        for row in homes:
            if row.gateway is not None and not self._hand.dry:
                elsewhere = (home_register.c.gateway_id == row.gateway) & (home_register.c.home_id != row.id)
                self._connection.execute(sa.update(home_register).where(elsewhere).values(gateway_id=None))

    def home(self, row: HomeRow) -> None:
        place = self._place_of(row)
        stated = values_of_home(row, place) | {"address": row.address, "lat": row.lat, "lon": row.lon}
        at_place = dict.fromkeys(("grid", "building", "unit", "floor", "door", "place"), "place_id")
        values = self._stated(row, stated, {**at_place, "gateway": "gateway_id"})
        key = {"home_id": row.id}
        address = {"address": values.pop("address")}
        point: dict[str, object] = {name: values.pop(name) for name in ("lat", "lon") if name in values}
        before = self._before(schema.homes, key)
        beside = self._before(home_register, key)
        moved = points.differing(self._connection, row.id, point)
        changes = differing(before, address) | differing(beside, values) | moved
        if not self._count("homes", row.id, is_new=before is None, changes=changes) or self._hand.dry:
            return
        self._write(schema.homes, key, address, before)
        whole = values_of_home(row, place) if beside is None else values
        self._write(home_register, key, {**whole, "is_registered": True}, beside)
        if moved:
            points.put(self._connection, row.id, point)
        self._keep(changes, before, home_id=row.id, resident_id=None, subject="home")
        self.has_moved_boxes = self.has_moved_boxes or "gateway_id" in changes

    def resident(self, row: ResidentRow) -> None:
        values = self._stated(row, values_of_resident(row), _COLUMNS_OF_RESIDENTS)
        if "living" in row.model_fields_set and "situation" not in row.model_fields_set:
            values["situation"] = values_of_resident(row)["situation"]
        key = {"resident_id": row.id}
        before = self._before(schema.residents, key)
        values = values if before is not None else values_of_resident(row)
        changes = differing(before, values)
        if not self._count("residents", row.id, is_new=before is None, changes=changes) or self._hand.dry:
            return
        self._write(schema.residents, key, {**values, "is_registered": True}, before)
        self.lived_in |= {row.home} if before is None else {row.home, before.home_id}
        self._keep(changes, before, home_id=row.home, resident_id=row.id, subject="resident")
        if before is not None and "left_why" in changes:
            self._left(row, was_there=not before.left_why)

    def _left(self, row: ResidentRow, *, was_there: bool) -> None:
        """Care ends with it; where he is said to live there after all it goes on."""
        if row.left is None:
            entries = leaving.care_taken_back(self._connection, row.id)
            leaving.stay_goes_on(self._connection, row.id, row.home)
        else:
            entries = leaving.ended_care(self._connection, row.id, row.left_on) if was_there else iter(())
        for entry in list(entries):
            self.care(entry)

    def lists(self, rows: Iterable[ContactRow], of: Iterable[str] = ()) -> None:
        """`of`: whose lists are taken in though they may be empty now."""
        lists: dict[str, list[ContactRow]] = {name: [] for name in of}
        for row in rows:
            lists.setdefault(row.resident, []).append(row)
        if not self._hand.dry:
            contact_keys.settle(self._connection, lists)
        for resident_id, his in lists.items():
            self._contacts(resident_id, his)

    def _contacts(self, resident_id: str, rows: list[ContactRow]) -> None:
        table = schema.contacts
        of_his = table.c.resident_id == resident_id
        before = [
            contact_in(row) for row in self._connection.execute(sa.select(table).where(of_his).order_by(table.c.place))
        ]
        after = filled(sorted(rows, key=lambda row: row.order), before)
        old = {row.id: row for row in before}
        same = [row for row in after if old.get(row.id) == row]
        self._tally.same["contacts"] += len(same)
        if len(same) == len(after) == len(before):
            return
        self._tally.new["contacts"] += sum(row.id not in old for row in after)
        left = [row for row in before if row.id not in {one.id for one in after}]
        self._tally.changed["contacts"] += len(left) + sum(row.id in old and old[row.id] != row for row in after)
        self._tally.changes.append(f"contacts of {resident_id}: {len(before)} before, {len(after)} now")
        if self._hand.dry:
            return
        self._connection.execute(sa.delete(table).where(of_his))
        for row in after:
            self._connection.execute(sa.insert(table).values(resident_id=resident_id, **values_of_contact(row)))
        proposals.keep_only(self._connection, resident_id, [row.id or "" for row in after])
        residents = schema.residents
        self._connection.execute(
            sa.update(residents).where(residents.c.resident_id == resident_id).values(is_registered=True)
        )
        changes = {"contacts": (_spelled(before), _spelled(after))}
        self._keep(
            changes, before or None, home_id=self._home_of(resident_id), resident_id=resident_id, subject="contacts"
        )

    def consent(self, row: ConsentRow) -> None:
        values = values_of_consent(row, zone_of(self._connection))
        key = {name: values[name] for name in ("resident_id", "purpose", "at", "is_given")}
        is_new = self._before(consents, key) is None
        if self._count("consents", f"{row.resident} {row.purpose}", is_new=is_new, changes={}) and not self._hand.dry:
            recorded = {"recorded_by": self._hand.by, "recorded_at": self._hand.at}
            self._connection.execute(sa.insert(consents).values({**values, **recorded}))

    def device(self, row: DeviceRow) -> None:
        values = self._stated(row, values_of_device(row), {"home": "home_id"})
        key = {"device_id": row.id}
        before = self._before(devices, key)
        values = values if before is not None else values_of_device(row)
        self._put("devices", devices, key, values)

    def care(self, row: care_rows.CareRow) -> None:
        table, key, values = care_rows.TABLES[type(row)], care_rows.key_of(row), care_rows.values_of(row)
        before = self._before(table, key)
        whose = " ".join(map(str, key.values()))
        is_new, changes = before is None, differing(before, values)
        if not self._count(table.name, whose, is_new=is_new, changes=changes) or self._hand.dry:
            return
        if isinstance(row, CarePlanRow):
            care_rows.forget_standing(self._connection, key)
        self._write(table, key, values, before)
        old = None if before is None else care_rows.row_in(type(row), before)
        note_change(
            self._connection,
            self._hand,
            home_id=self._home_of(row.resident),
            resident_id=row.resident,
            subject=table.name,
            changes={"entry": (care_rows.spelled(old), care_rows.spelled(row))},
        )

    def _put(self, name: str, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
        before = self._before(table, key)
        changes = differing(before, values)
        subject = str(next(iter(key.values())))
        if self._count(name, subject, is_new=before is None, changes=changes) and not self._hand.dry:
            self._write(table, key, values, before)
            self._keep(changes, before, home_id=str(values.get("home_id") or ""), resident_id=None, subject=subject)

    def _place_of(self, row: HomeRow) -> str | None:
        if row.grid is None:
            return row.place
        if not self._hand.dry:
            return put_below(self._connection, row.grid, row.steps)
        place = row.grid
        for level, code in row.steps:
            place = below(place, level, code)
        return place

    def _stated(self, row: Row, values: Mapping[str, object], names: Mapping[str, str]) -> Values:
        """What the row writes, by the columns of the table."""
        written = {names.get(name, name) for name in row.model_fields_set}
        return {name: value for name, value in values.items() if name in written}

    def _before(self, table: sa.Table, key: Mapping[str, object]) -> "sa.Row[tuple[object, ...]] | None":
        return self._connection.execute(sa.select(table).where(matches(table, key))).first()

    def _count(self, table: str, subject: str, *, is_new: bool, changes: Mapping[str, tuple[object, object]]) -> bool:
        """Whether there is something to write."""
        if is_new:
            self._tally.new[table] += 1
        elif not changes:
            self._tally.same[table] += 1
        else:
            self._tally.changed[table] += 1
            told = ", ".join(f"{name} {said(old)!r} -> {said(new)!r}" for name, (old, new) in changes.items())
            self._tally.changes.append(f"{table} {subject}: {told}")
        return is_new or bool(changes)

    def _write(
        self, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object], before: object | None
    ) -> None:
        if before is None:
            self._connection.execute(sa.insert(table).values({**key, **values}))
        elif values:
            self._connection.execute(sa.update(table).where(matches(table, key)).values(values))

    def _keep(
        self,
        changes: Mapping[str, tuple[object, object]],
        before: object | None,
        *,
        home_id: str,
        resident_id: str | None,
        subject: str,
    ) -> None:
        told = changes if before is not None else {"": ("", "on file")}
        note_change(
            self._connection, self._hand, home_id=home_id, resident_id=resident_id, subject=subject, changes=told
        )

    def _home_of(self, resident_id: str) -> str:
        table = schema.residents
        return str(self._connection.scalar(sa.select(table.c.home_id).where(table.c.resident_id == resident_id)))


_COLUMNS_OF_RESIDENTS = {"home": "home_id", "order": "place", "left": "left_why"}


def settle_gateways(connection: sa.Connection, at: datetime) -> None:
    """Every box is in the home that the register says, or in none; what changes does so at this moment."""
    gateways = schema.gateways
    named = connection.scalars(sa.select(home_register.c.gateway_id).where(home_register.c.gateway_id.is_not(None)))
    met = set(connection.scalars(sa.select(gateways.c.gateway_id)))
    for gateway_id in sorted(set(named) - met):
        meet_gateway(connection, gateway_id)
    home = sa.select(home_register.c.home_id).where(home_register.c.gateway_id == gateways.c.gateway_id)
    connection.execute(sa.update(gateways).values(home_id=home.scalar_subquery()))
    stays.settle_boxes(connection, at)


def meet_gateway(connection: sa.Connection, gateway_id: str) -> None:
    """A row for a box that speaks, or is spoken of, for the first time; also one that nobody told us about."""
    gateways = schema.gateways
    if connection.execute(sa.select(gateways.c.gateway_id).where(gateways.c.gateway_id == gateway_id)).first() is None:
        connection.execute(
            gateways.insert().values(gateway_id=gateway_id, online=False, backlog=0, rejected=0, version="")
        )


def filled(rows: Iterable[ContactRow], before: Iterable[ContactRow]) -> list[ContactRow]:
    """What the rows do not write of somebody who is on file stays. He is known by his id, else by name or number."""
    known, found = {one.id: one for one in before}, []
    with_ids = [(row.id or contact_id_of(row.resident, row.name, row.phones[0]), row) for row in rows]
    by_id = {his_id for his_id, _ in with_ids}
    left = [one for one in known.values() if one.id not in by_id]  # an id is of one person, whoever else is alike
    for his_id, row in with_ids:
        alike = [
            [one for one in left if row.id is None and one.name == row.name],
            [one for one in left if row.id is None and one.phones[0] == row.phones[0]],
        ]
        old = known.pop(his_id, None) or next((some[0] for some in alike if some), None)
        if old is None:
            found.append(row.model_copy(update={"id": his_id}))
            continue
        left = [one for one in left if one is not old]
        written = {name: getattr(row, name) for name in row.model_fields_set if name != "id"}
        found.append(old.model_copy(update=written))
    return found


def _spelled(rows: Iterable[ContactRow]) -> str:
    return "[" + ",".join(row.model_dump_json(exclude_defaults=True) for row in rows) + "]"
