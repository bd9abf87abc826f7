"""The way of each alarm of a case from the sensor to the ear: a page to print, and the same as files."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from community.accounts import Shift
from community.desk import IncidentPage
from community.rights import Refused as NotAllowed
from community.rights import Right, holds
from community.rings import Rung
from community.trace import Happened, Trace, Way
from community.trace_room import TraceRoom
from community.web import ring_words, trace_words
from community.web.console import Console, Reader, Taker, Wired
from community.web.incident import IncidentId, may_say_why
from community.web.rooms import room_of
from community.web.spreadsheet import spreadsheet
from shouwang.quantities import QUANTITIES

router = APIRouter()
Room = Annotated[TraceRoom, Depends(room_of(TraceRoom))]
_OF_ALARM = ("alert", "gateway", "message", "key", "rule", "rule_version", "severity", "state", "clock", "told_at")
_OF_FRAME = ("sensor", "quantity", "value", "unit", "quality", "frame")
_OF_CENTRE = ("seq", "hash", "is_right", "rung", "to", "channel", "outcome", "code", "ended_at", "words_zh", "words_en")
_OF_DESK = ("sounded_ms", "tab")
_HEAD = ("what", "at", "after_ms", *_OF_ALARM, *_OF_FRAME, *_OF_CENTRE, *_OF_DESK)


@router.get("/incidents/{incident_id}/trace")
async def trace(request: Request, console: Wired, shift: Reader, room: Room, incident_id: IncidentId) -> Response:
    """The page. A case outside his area is opened on its own page, where it asks why."""
    try:
        shown = await _shown(console, shift, incident_id)
    except NotAllowed as error:
        if not may_say_why(error, shift):
            raise
        return RedirectResponse(f"/incidents/{incident_id}", status_code=303)
    values = {
        "case": shown,
        "trace": await room.trace(shown),
        "trace_words": trace_words,
        "ring_words": ring_words,
        "may_take": holds(shift.user, Right.EXPORT),
    }
    return await console.page(request, "trace.html", shift, status=200, **values)


@router.get("/incidents/{incident_id}/trace.csv")
async def table(console: Wired, shift: Reader, _: Taker, room: Room, incident_id: IncidentId) -> Response:
    """The same as one table, a line for each thing; times in UTC."""
    shown = await _shown(console, shift, incident_id)
    await room.let_leave(shift.user, shown)
    return spreadsheet(_rows(await room.trace(shown)), name=f"trace-{incident_id}.csv")


@router.get("/incidents/{incident_id}/trace.json")
async def structure(console: Wired, shift: Reader, _: Taker, room: Room, incident_id: IncidentId) -> Response:
    """The same as a structure; times in UTC, spans as ISO 8601 has them."""
    shown = await _shown(console, shift, incident_id)
    await room.let_leave(shift.user, shown)
    body = msgspec.json.encode(await room.trace(shown))
    headers = {"content-disposition": f'attachment; filename="trace-{incident_id}.json"'}
    return Response(body, media_type="application/json", headers=headers)


async def _shown(console: Console, shift: Shift, incident_id: int) -> IncidentPage:
    shown = await console.desk_of(shift).incident(incident_id)
    if shown is None:
        raise HTTPException(404)
    return shown


def _rows(trace: Trace) -> Iterable[Sequence[object]]:
    yield _HEAD
    for way in trace.ways:
        yield from _way(way)
    for desk in trace.desks:
        yield from _desk(desk)
    for one in trace.happened:
        yield _row(_done(one))


def _desk(one: Rung) -> Iterable[Sequence[object]]:
    of = {"what": "desk", "to": one.login}
    if one.rang_at is not None:
        told = {"at": one.rang_at, "outcome": "rang", "code": one.cause and one.cause.value, "seq": one.seq}
        yield _row(of | told | {"sounded_ms": one.after_ms, "tab": "visible" if one.was_visible else "hidden"})
    if one.mute_at is not None:
        yield _row(of | {"at": one.mute_at, "outcome": "silent", "code": one.mute and one.mute.value})


def _way(way: Way) -> Iterable[Sequence[object]]:
    of = {"alert": way.alert_id, "gateway": way.gateway_id, "message": way.message}
    rule = {"key": way.key, "rule": way.rule_id, "rule_version": way.rule_version}
    seal = {} if way.seal is None else {"seq": way.seal.seq, "hash": way.seal.hash}
    words = {} if way.why is None else {"words_zh": way.why.zh, "words_en": way.why.en}
    yield _row(
        {"what": "alert", **of, **rule, **seal, **words}
        | {"severity": way.severity.value, "state": way.state.value, "sensor": way.sensor_id}
        | {"clock": way.timing.name.lower(), "told_at": way.told_at, "is_right": way.is_unchanged}
    )
    for frame in way.frames:
        yield _row(
            {"what": "frame", "at": frame.at, **of, "sensor": frame.sensor_id, "quantity": frame.quantity.value}
            | {"value": frame.value, "unit": QUANTITIES[frame.quantity].unit, "quality": frame.quality.value}
            | {"frame": frame.frame}
        )
    for stage in way.stages:
        yield _row({"what": stage.stage.value, "at": stage.at, "after_ms": _ms(stage.after), **of})


def _done(one: Happened) -> dict[str, object]:
    told: dict[str, object] = {"what": "try" if one.text is None else "step", "at": one.at, "after_ms": _ms(one.after)}
    if one.text is not None:
        told |= {"words_zh": one.text.zh, "words_en": one.text.en}
    if one.seal is not None:
        told |= {"seq": one.seal.seq, "hash": one.seal.hash, "is_right": one.seal.is_right}
    if one.audience is not None:
        told |= {"words_zh": one.audience.zh, "words_en": one.audience.en, "rung": one.rung + 1 or None}
        told |= {"to": one.person, "channel": one.channel, "outcome": one.outcome, "code": one.code}
        told |= {"ended_at": one.ended_at}
    return told


def _row(told: Mapping[str, object]) -> list[object]:
    return [_written(told.get(name)) for name in _HEAD]


def _written(value: object) -> object:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _ms(after: timedelta | None) -> int | None:
    return None if after is None else after // timedelta(milliseconds=1)
