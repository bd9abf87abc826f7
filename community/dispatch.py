"""Who is asked to go: the responders of a centre, ranked for one case, each with its reasons in words. Pure.

People who may not be asked (off duty, on another case, already asked) are left out with the reason why; whoever is
further away, of another grid or without the skill comes later, but comes: for a life somebody is better than nobody.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum

import msgspec

from shouwang.alert import Sentence


class UnitKind(StrEnum):
    """What a unit is: each outside party is one, with its channel, hours and tier."""

    RESPONDERS = "responders"
    GRID = "grid"
    PROPERTY = "property"
    COMMITTEE = "committee"
    CLINIC = "clinic"
    AMBULANCE = "120"
    FIRE = "119"
    POLICE = "110"
    COMMAND = "command"


EMERGENCY = frozenset({UnitKind.AMBULANCE, UnitKind.FIRE, UnitKind.POLICE})
"""Called by people alone: no machine dials them without a local agreement and a tested trunk."""
OUTSIDE = EMERGENCY | {UnitKind.COMMAND}
"""Called by telephone with their own order (call_120 ...), never offered a case by link."""

SKILLS_FOR = {
    "sos": ("first_aid",),
    "fall": ("first_aid", "lifting"),
    "vital": ("nurse", "first_aid"),
    "smoke": ("fire",),
    "gas": ("gas",),
    "co": ("gas", "first_aid"),
    "leak": ("plumbing",),
    "mains": ("electric",),
    "wander": ("search",),
}
"""What helps with a hazard, the most useful first; of another hazard anybody may be asked. A proposal: edit per centre
by giving people the skills that are meant."""

_EARTH_M = 6_371_000.0
"""Mean radius of the earth (IUGG 1980), metres."""
_WALK_M_PER_MIN = 75.0
"""4.5 km/h with a bag: a brisk walk (planning figure of this project, not measured)."""
_KILOMETRE_M = 1000.0
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Weekly hours, local. `until` not later than `since`: over midnight. Without days: every day."""

    since: str
    until: str
    days: tuple[str, ...] = ()

    def holds(self, local: datetime) -> bool:
        """Whether this local moment lies in them."""
        since, until = time.fromisoformat(self.since), time.fromisoformat(self.until)
        clock = local.time().replace(tzinfo=None)
        if since < until:
            return since <= clock < until and self._is_on(local)
        if clock >= since:
            return self._is_on(local)
        return clock < until and self._is_on(local - timedelta(days=1))

    def _is_on(self, local: datetime) -> bool:
        return not self.days or DAYS[local.weekday()] in self.days


class Duty(StrEnum):
    """Whether somebody may be asked now, and if not, why."""

    FREE = "free"
    OFF = "off"
    ABSENT = "absent"
    CLOSED = "closed"
    BUSY = "busy"
    SILENT = "silent"


class Responder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who goes, as he is now. `areas` empty: everywhere. `tier` 1 is asked first.

    `asked_elsewhere`: another case waits for his answer.
    """

    responder_id: str
    name: str
    unit: str
    kind: UnitKind
    tier: int
    phone: str = ""
    skills: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    lat: float | None = None
    lon: float | None = None
    duty: Duty = Duty.FREE
    is_backup: bool = False
    asked_elsewhere: bool = False


class CallableUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that may be called in beside whoever goes."""

    unit_id: str
    name: str
    phone: str
    is_open: bool


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a case needs. `areas`: of the home, the nearest first (building, grid, community, district).

    `called`: names of these areas, where the tree of places has one. `asked`: whoever was offered this case already,
    whatever became of it.
    """

    skills: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    called: Mapping[str, str] = {}
    lat: float | None = None
    lon: float | None = None
    asked: frozenset[str] = frozenset()


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to be asked, and why at this place of the list."""

    responder_id: str
    name: str
    unit: str
    phone: str
    distance_m: float | None
    reasons: tuple[Sentence, ...]

    @property
    def walk_min(self) -> int | None:
        """About how long he walks; None where nobody knows how far it is."""
        return None if self.distance_m is None else max(1, math.ceil(self.distance_m / _WALK_M_PER_MIN))


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is not asked, and why."""

    responder_id: str
    name: str
    reason: Sentence


def proposals(need: Need, responders: Iterable[Responder]) -> tuple[Proposal, ...]:
    """Whom to ask, the best first: of the grid, with the skill, of the lowest tier, the nearest."""
    able = [one for one in responders if _hindrance(need, one) is None]
    return tuple(_proposal(need, one) for one in sorted(able, key=lambda one: _order(need, one)))


def left_out(need: Need, responders: Iterable[Responder]) -> tuple[LeftOut, ...]:
    """Who is not asked, and why: an operator must see that nobody was forgotten."""
    found = ((one, _hindrance(need, one)) for one in responders)
    return tuple(
        LeftOut(responder_id=one.responder_id, name=one.name, reason=reason)
        for one, reason in found
        if reason is not None
    )


def skills_for(hazard: str) -> tuple[str, ...]:
    """What helps with this hazard."""
    return SKILLS_FOR.get(hazard, ())


def name_of_skill(skill: str) -> Sentence:
    """What people call it; a skill of the centre's own stands as it was written."""
    return _SKILLS.get(skill, Sentence(zh=skill, en=skill))


_SKILLS = {
    "first_aid": Sentence(zh="急救", en="first aid"),
    "lifting": Sentence(zh="扶抬", en="lifting"),
    "nurse": Sentence(zh="护理", en="nursing"),
    "fire": Sentence(zh="消防", en="fire fighting"),
    "gas": Sentence(zh="燃气", en="gas"),
    "plumbing": Sentence(zh="水暖", en="plumbing"),
    "electric": Sentence(zh="电工", en="electrics"),
    "search": Sentence(zh="寻人", en="searching"),
}


def metres(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """As the crow flies (haversine)."""
    first, second = math.radians(lat_1), math.radians(lat_2)
    half_lat, half_lon = (second - first) / 2, math.radians(lon_2 - lon_1) / 2
    share = math.sin(half_lat) ** 2 + math.cos(first) * math.cos(second) * math.sin(half_lon) ** 2
    return 2 * _EARTH_M * math.asin(math.sqrt(min(1.0, share)))


_HINDRANCES = {
    Duty.OFF: Sentence(zh="不在班", en="off duty"),
    Duty.ABSENT: Sentence(zh="请假", en="absent"),
    Duty.CLOSED: Sentence(zh="单位不在服务时间", en="the unit is closed at this hour"),
    Duty.BUSY: Sentence(zh="正在处置另一警情", en="on another case"),
    Duty.SILENT: Sentence(zh="没有联系方式", en="has no telephone number on file"),
}


def _hindrance(need: Need, one: Responder) -> Sentence | None:
    if one.kind in OUTSIDE:
        return Sentence(zh="外部单位，请用电话", en="an outside service: call it by telephone")
    if one.responder_id in need.asked:
        return Sentence(zh="本警情已询问过", en="was asked in this case already")
    return _HINDRANCES.get(one.duty)


def _order(need: Need, one: Responder) -> tuple[object, ...]:
    distance = _distance(need, one)
    return (
        one.asked_elsewhere,
        _is_outside(need, one),
        _skill_place(need, one),
        one.tier,
        one.is_backup,
        _nearness(need, one),
        math.inf if distance is None else distance,
        one.responder_id,
    )


def _is_outside(need: Need, one: Responder) -> bool:
    return bool(need.areas) and bool(one.areas) and not one.areas & set(need.areas)


def _nearness(need: Need, one: Responder) -> int:
    """The place of the nearest area of the home that is his."""
    places = [place for place, area in enumerate(need.areas) if area in one.areas]
    return min(places, default=len(need.areas))


def _skill_place(need: Need, one: Responder) -> int:
    places = [place for place, skill in enumerate(need.skills) if skill in one.skills]
    return min(places, default=len(need.skills))


def _distance(need: Need, one: Responder) -> float | None:
    if need.lat is None or need.lon is None or one.lat is None or one.lon is None:
        return None
    return metres(need.lat, need.lon, one.lat, one.lon)


def _proposal(need: Need, one: Responder) -> Proposal:
    distance = _distance(need, one)
    return Proposal(
        responder_id=one.responder_id,
        name=one.name,
        unit=one.unit,
        phone=one.phone,
        distance_m=distance,
        reasons=tuple(_reasons(need, one, distance)),
    )


def _far(metres: float, short: str, long: str) -> str:
    """A distance as one says it: 222 m, 1.4 km, 159 km."""
    if metres < _KILOMETRE_M:
        return f"{metres:.0f} {short}"
    kilometres = metres / _KILOMETRE_M
    return f"{kilometres:.1f} {long}" if kilometres < 10 else f"{kilometres:.0f} {long}"


def _reasons(need: Need, one: Responder, distance: float | None) -> Iterable[Sentence]:
    yield Sentence(zh=f"第{one.tier}梯队", en=f"tier {one.tier}")
    near = _nearness(need, one)
    if near < len(need.areas):
        area = need.called.get(need.areas[near], need.areas[near])
        yield Sentence(zh=f"负责 {area}", en=f"responsible for {area}")
    elif _is_outside(need, one):
        yield Sentence(zh="不是其网格", en="not of the home's grid")
    if need.skills:
        place = _skill_place(need, one)
        skill = name_of_skill(need.skills[place if place < len(need.skills) else 0])
        if place < len(need.skills):
            yield Sentence(zh=f"技能：{skill.zh}", en=f"has the skill {skill.en}")
        else:
            yield Sentence(zh=f"缺少技能：{skill.zh}", en=f"lacks the skill {skill.en}")
    if distance is not None:
        yield Sentence(zh="距离约 " + _far(distance, "米", "公里"), en="about " + _far(distance, "m", "km") + " away")
    if one.is_backup:
        yield Sentence(zh="备班", en="is the back-up")
    if one.asked_elsewhere:
        yield Sentence(zh="另一警情正在等其答复", en="another case waits for his answer")
