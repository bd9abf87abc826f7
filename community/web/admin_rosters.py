"""The roster of the coming week, and who cannot come."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community.roster_room import RosterRoom
from community.rosters import Post
from community.web.admin_parts import AdminForm, SettingsReader, UserSetter, Visit
from community.web.refusals import in_words
from community.web.rooms import room_of
from community.web.words import LACKS, POSTS
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
Room = Annotated[RosterRoom, Depends(room_of(RosterRoom))]


class AbsenceForm(AdminForm):
    """Who cannot come, from when to when."""

    person: Annotated[str, Field(min_length=1, max_length=64)]
    start: datetime
    end: datetime
    reason: Annotated[str, Field(max_length=200)] = ""


@router.get("/admin/rosters")
async def roster(visit: SettingsReader, room: Room) -> HTMLResponse:
    """The coming week."""
    return await _page(visit, room)


@router.post("/admin/rosters/absences")
async def excuse(visit: UserSetter, room: Room, form: Annotated[AbsenceForm, Form()]) -> Response:
    """Somebody cannot come."""
    try:
        await visit.check(form)
        await room.excuse(visit.user, form.person, form.start, form.end, form.reason)
    except (IllegalMove, ConfigError) as error:
        return await _page(visit, room, problem=in_words(error), kept=form)
    return RedirectResponse("/admin/rosters", status_code=303)


@router.post("/admin/rosters/absences/{absence_id}/end")
async def end(
    visit: UserSetter,
    room: Room,
    absence_id: Annotated[int, Path(ge=1, le=2**62)],
    form: Annotated[AdminForm, Form()],
) -> Response:
    """He is here again."""
    try:
        await visit.check(form)
        await room.end(visit.user, absence_id)
    except IllegalMove as error:
        return await _page(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/rosters", status_code=303)


async def _page(
    visit: Visit, room: RosterRoom, *, problem: Sentence | None = None, kept: AbsenceForm | None = None
) -> HTMLResponse:
    return await visit.page(
        "admin_rosters.html",
        problem=problem,
        roster=await room.week(),
        shown=room.shown,
        posts=tuple(post.value for post in Post),
        post_words=POSTS,
        lack_words=LACKS,
        kept=kept,
    )
