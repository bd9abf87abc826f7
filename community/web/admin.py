"""The administrator's overview, channels, call scripts, backups and the check of the record."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community.call_scripts import every_script
from community.casefile import NotNow
from community.centre_room import BACKUP, TRIAL, VERIFY, CentreRoom
from community.rights import Right, holds
from community.web.admin_parts import AdminForm, DeviceSetter, Director, SettingsReader, Verifier, Visit
from community.web.refusals import in_words
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

router = APIRouter()
Room = Annotated[CentreRoom, Depends(room_of(CentreRoom))]
Channel = Annotated[str, Path(min_length=1, max_length=64)]


class Trial(AdminForm):
    """Which backup is tried out."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9.-]+$")]


class Hold(AdminForm):
    """Which case, and why nothing of it may end."""

    incident_id: Annotated[int, Field(ge=1, le=2**62)]
    reason: Annotated[str, Field(max_length=500)] = ""


@router.get("/admin")
async def overview(visit: SettingsReader, room: Room) -> HTMLResponse:
    """The centre at a glance."""
    return await visit.page("admin.html", found=await room.overview(), verify=room.outcome(VERIFY))


@router.get("/admin/channels")
async def channels(visit: SettingsReader, room: Room) -> HTMLResponse:
    """The ways to reach people."""
    return await _channels(visit, room)


@router.post("/admin/channels/{channel}/test")
async def test(visit: DeviceSetter, room: Room, channel: Channel, form: Annotated[AdminForm, Form()]) -> Response:
    """A real message to who asks."""
    try:
        await visit.check(form)
        await room.send_test(visit.user.login, channel)
    except IllegalMove as error:
        return await _channels(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/channels", status_code=303)


@router.get("/admin/scripts")
async def scripts(visit: SettingsReader) -> HTMLResponse:
    """What is said on the telephone, by what has happened."""
    return await visit.page("admin_scripts.html", scripts=every_script())


@router.get("/admin/safety")
async def safety(visit: SettingsReader, room: Room) -> HTMLResponse:
    """Backups, the sealed record, and what is kept how long."""
    return await _safety(visit, room)


@router.post("/admin/safety/verify")
async def verify(visit: Verifier, room: Room, form: Annotated[AdminForm, Form()]) -> Response:
    """Check the whole record."""
    return await _done(visit, room, form, VERIFY)


@router.post("/admin/safety/backup")
async def back_up(visit: DeviceSetter, room: Room, form: Annotated[AdminForm, Form()]) -> Response:
    """A backup now."""
    return await _done(visit, room, form, BACKUP)


@router.post("/admin/safety/restore-check")
async def try_out(visit: Verifier, room: Room, form: Annotated[Trial, Form()]) -> Response:
    """Restore a backup on trial."""
    return await _done(visit, room, form, TRIAL)


@router.post("/admin/safety/hold")
async def hold(visit: Director, room: Room, form: Annotated[Hold, Form()]) -> Response:
    """Nothing of a case ends any more."""
    try:
        await visit.check(form)
        await room.hold(visit.user, form.incident_id, form.reason)
    except NotNow as error:
        return await _safety(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/safety#keep-title", status_code=303)


@router.post("/admin/safety/let-go")
async def let_go(visit: Director, room: Room, form: Annotated[Hold, Form()]) -> Response:
    """It ends as others do."""
    try:
        await visit.check(form)
        await room.let_go(visit.user, form.incident_id)
    except NotNow as error:
        return await _safety(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/safety#keep-title", status_code=303)


async def _done(visit: Visit, room: CentreRoom, form: AdminForm, what: str) -> Response:
    by = visit.user.login
    try:
        await visit.check(form)
        if what == VERIFY:
            await room.verify(by)
        elif what == BACKUP:
            await room.back_up(by)
        elif isinstance(form, Trial):
            await room.try_out(by, form.name)
    except IllegalMove as error:
        return await _safety(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/safety", status_code=303)


async def _channels(visit: Visit, room: CentreRoom, *, problem: Sentence | None = None) -> HTMLResponse:
    return await visit.page("admin_channels.html", problem=problem, channels=await room.channels(visit.user.login))


async def _safety(visit: Visit, room: CentreRoom, *, problem: Sentence | None = None) -> HTMLResponse:
    found = await room.overview()
    return await visit.page(
        "admin_safety.html",
        problem=problem,
        found=found,
        keep=room.means.keep,
        retention=room.means.retention,
        endings=await room.endings(),
        may_direct=holds(visit.user, Right.DIRECT_CASES),
        works={name: room.outcome(name) for name in (VERIFY, BACKUP, TRIAL)},
    )
