"""A district of 10,000 residents with 2,000 open cases, as its console finds it: what was worked on, and a storm."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from _console_care import bring_in_care
from _storm_town import Town

from community.casefile import Disposition
from community.desk import Wish
from community.store import due, intake, lease, orders, schema
from community.store.case_schema import engine_lease
from community.store.database import Connection, Store
from community.store.dispatch_schema import home_spots
from community.store.people_schema import home_register, places
from shouwang.alert import Severity

Kind = Callable[[int], tuple[str, Severity]]
HOMES, RESIDENTS, OPEN = 8_000, 10_000, 2_000
CLOSED = 100
_CORNER, _APART = (31.1, 121.5), 0.0003
"""Where the district lies, and 30 m from cottage to cottage."""
GRIDS = 40
_KINDS = (
    (1, "sos", Severity.P1),
    (2, "fall", Severity.P1),
    (9, "vital", Severity.P2),
    (60, "tamper", Severity.P3),
    (100, "medication-missed", Severity.P4),
)
"""Of each hundred cases up to this place are of this kind: as many lives at once as no centre has yet had."""
_IN_STORM = 400
_TAKEN_EACH = 10
"""One of so many open cases has somebody who works on it."""
_WAITED_MS = 130_000
"""So long nobody has taken the others: cards are drawn, ladders climb."""
_ENDED_BY: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("ack", "li", {}),
    ("report", "li", {"disposition": Disposition.HELPED, "text": "已通话，老人平安", "spoke": True}),
    ("verify_ok", "wu", {}),
)
_LOT = 500
_FAMILY, _GIVEN = "王李张刘陈杨赵黄周吴", ("桂兰", "建国", "秀英", "德明", "玉珍", "志强", "淑芬", "国华")


class District(Town):
    """The people and the places."""

    def __init__(self) -> None:
        """Nobody is in the tables yet."""
        super().__init__(0)

    def bring_in(self, connection: Connection) -> None:
        """The register, as an import leaves it."""
        connection.execute(places.insert(), list(_places()))
        homes = [{"home_id": f"home-{one}", "address": f"阳光社区{one % 60 + 1}号楼{one}"} for one in range(HOMES)]
        connection.execute(schema.homes.insert(), homes)
        now = datetime.now(UTC)
        boxes = [
            {"gateway_id": self.gateway(one), "home_id": f"home-{one}", "online": one % 50 > 0, "last_seen": now}
            | {"backlog": one % 7, "rejected": 0, "version": "0.1.0"}
            for one in range(HOMES)
        ]
        connection.execute(schema.gateways.insert(), boxes)
        register = [
            {"home_id": f"home-{one}", "place_id": f"grid-{one % GRIDS}", "gateway_id": self.gateway(one)}
            | {"is_registered": True}
            for one in range(HOMES)
        ]
        connection.execute(home_register.insert(), register)
        connection.execute(home_spots.insert(), list(_spots()))
        connection.execute(schema.residents.insert(), [_resident(one) for one in range(RESIDENTS)])
        bring_in_care(connection, RESIDENTS, now)


async def fill(store: Store, district: District, *, kind: Kind | None = None) -> None:
    """The people, the cases that are over, those that are open, and a storm that holds others back.

    `kind`: what each home's open case is, where that shall be other than usual.
    """
    kind_of = kind or _kind
    taken = await store.write(lambda connection: lease.take(connection, None, "bench"))
    assert taken is not None
    await store.write(district.bring_in)
    await _tell(store, district, [(HOMES - one, "medication-missed", Severity.P4) for one in range(1, CLOSED + 1)])
    for incident_id in range(1, CLOSED + 1):
        for version, (command, by, found) in enumerate(_ENDED_BY, 1):
            await _order(store, incident_id, command, by, version=version, **found)
    for at in range(0, OPEN, _LOT):
        await _tell(store, district, [(home, *kind_of(home)) for home in range(at, at + _LOT)])
    for incident_id in range(CLOSED + _TAKEN_EACH, CLOSED + OPEN, _TAKEN_EACH):
        await _order(store, incident_id, "ack", "li", version=1)
    await _tell(store, district, [(home, "mains", Severity.P3) for home in range(OPEN, OPEN + _IN_STORM)])
    later = engine_lease.update().values(engine_ms=engine_lease.c.engine_ms + _WAITED_MS)
    await store.write(lambda connection: connection.execute(later))
    while (await store.write(lambda connection: due.fire(connection, datetime.now(UTC), _LOT))).fired:
        pass
    await store.write(lambda connection: lease.give_back(connection, taken.token))


async def _tell(store: Store, district: District, told: list[tuple[int, str, Severity]]) -> None:
    envelopes = [district.envelope(home, hazard, severity) for home, hazard, severity in told]
    await store.write(lambda connection: intake.take_in(connection, envelopes, datetime.now(UTC)))


_numbers = count(1)


async def _order(store: Store, incident_id: int, command: str, by: str, **more: object) -> None:
    numbered = f"bench-{next(_numbers)}"
    bare = Wish(incident_id=incident_id, command=command, by=by, role="operator", command_id=numbered)
    wish = replace(bare, **more)  # type: ignore[arg-type]  # its own fields
    answer = await store.write(lambda connection: orders.carry_out(connection, wish, datetime.now(UTC)))
    answer.value()


def _kind(home: int) -> tuple[str, Severity]:
    return next((hazard, severity) for up_to, hazard, severity in _KINDS if home % 100 < up_to)


def _places() -> Iterator[dict[str, str | None]]:
    yield {"place_id": "pujiang", "parent_id": None, "level": "district", "code": "310", "name": "浦江区"}
    yield {"place_id": "sunny", "parent_id": "pujiang", "level": "community", "code": "s", "name": "阳光社区"}
    for grid in range(GRIDS):
        yield {
            "place_id": f"grid-{grid}",
            "parent_id": "sunny",
            "level": "grid",
            "code": str(grid),
            "name": f"第{grid + 1}网格",
        }


def _spots() -> Iterator[dict[str, object]]:
    """Each home is a cottage with a point of its own: no building gathers them on the street map."""
    across = 100
    for one in range(HOMES):
        point = {"lat": _CORNER[0] + one // across * _APART, "lon": _CORNER[1] + one % across * _APART}
        yield {"home_id": f"home-{one}", "areas": b"[]", "door_note": "", **point}


def _resident(number: int) -> dict[str, object]:
    """The first of each home, then second ones."""
    return {
        "resident_id": f"resident-{number}",
        "home_id": f"home-{number % HOMES}",
        "name": _FAMILY[number % len(_FAMILY)] + _GIVEN[number // 10 % len(_GIVEN)],
        "born": 1932 + number % 25,
        "living": "独居" if number % 4 else "与老伴同住",
        "conditions": b"[]",
        "allergies": b"[]",
        "medicines": b"[]",
        "notes": "",
        "place": number // HOMES,
        "is_registered": True,
    }
