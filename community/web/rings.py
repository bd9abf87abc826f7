"""What a browser tells of its sound: which alarms rang at this desk, and which could not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from community.ring_room import RingRoom
from community.rings import MOST_MS, Cause, Mute, Report
from community.web.console import Worker, check_form
from community.web.rooms import room_of

router = APIRouter()
Room = Annotated[RingRoom, Depends(room_of(RingRoom))]
AT_ONCE = 50
"""Cases of one post; a browser with more sends several (heard.js)."""
_CASE = r"[1-9][0-9]{0,17}:[0-9]{1,18}"
"""The case, and the entry of the log that rang; 0: none did, the queue was read."""
_Rang = Annotated[str, StringConstraints(pattern=rf"^{_CASE}:({'|'.join(Cause)}):[0-9]{{1,7}}:[01]$")]
_Mute = Annotated[str, StringConstraints(pattern=rf"^{_CASE}:({'|'.join(Cause)}):({'|'.join(Mute)})$")]


class Telling(BaseModel):
    """`rang`: case:entry:cause:ms:visible; `mute`: case:entry:cause:why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csrf: Annotated[str, Field(max_length=128)]
    rang: Annotated[list[_Rang], Field(max_length=AT_ONCE)] = []
    mute: Annotated[list[_Mute], Field(max_length=AT_ONCE)] = []


@router.post("/rings")
async def told(shift: Worker, room: Room, form: Annotated[Telling, Form()]) -> Response:
    """Keep it, each case by itself; the answer says of which it was not kept. 403 where none of them is his."""
    check_form(shift, form.csrf)
    wait_s = room.wait_s(shift.user)
    if wait_s:
        return PlainTextResponse("429\n", status_code=429, headers={"retry-after": str(int(wait_s) + 1)})
    taken = await room.take(shift.user, [*map(_rang, form.rang), *map(_mute, form.mute)])
    answer = {"kept": taken.kept, "unknown": taken.unknown, "refused": taken.refused}
    return JSONResponse(answer, status_code=403 if taken.refused and not taken.kept else 200)


def _rang(told: str) -> Report:
    case, seq, cause, after_ms, was_visible = told.split(":")
    return Report(
        incident_id=int(case),
        seq=int(seq) or None,
        cause=Cause(cause),
        after_ms=min(int(after_ms), MOST_MS),
        was_visible=was_visible == "1",
    )


def _mute(told: str) -> Report:
    case, seq, cause, why = told.split(":")
    return Report(incident_id=int(case), seq=int(seq) or None, cause=Cause(cause), mute=Mute(why))
