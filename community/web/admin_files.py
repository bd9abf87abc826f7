"""Files that are brought in: sent, looked at, taken in."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import HTMLResponse, Response
from pydantic import Field

from community.file_room import MOST_BYTES, FileRoom, Kind, Preview
from community.rights import Right, holds
from community.web.admin_parts import AdminForm, SettingsReader, UserSetter, Visit
from community.web.console import Refused
from community.web.refusals import in_words
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.bilingual import lines_of, told_by
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
Room = Annotated[FileRoom, Depends(room_of(FileRoom))]
_RIGHTS = {Kind.DISPATCH: Right.SET_USERS, Kind.REGISTER: Right.SET_DEVICES}


class Confirmed(AdminForm):
    """Which bytes were looked at."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@router.get("/admin/files")
async def files(visit: SettingsReader) -> HTMLResponse:
    """What can be brought in."""
    return await _page(visit)


@router.post("/admin/files")
async def look_at(
    visit: UserSetter,
    room: Room,
    *,
    csrf: Annotated[str, Form(max_length=128)],
    kind: Annotated[Kind, Form()],
    file: Annotated[UploadFile, File()],
    proof: Annotated[str, Form()] = "",
) -> Response:
    """What this file would change; nothing is written."""
    _check_right(visit, kind)
    try:
        await visit.check(AdminForm(csrf=csrf, proof=proof))
        body = await file.read(MOST_BYTES + 1)
        preview = await room.look_at(visit.shift.csrf, visit.user, kind, file.filename or "", body)
    except ConfigError as error:
        return await _page(visit, complaints=lines_of(told_by(error)), kind=kind)
    except IllegalMove as error:
        return await _page(visit, problem=in_words(error), kind=kind)
    return await visit.page("admin_file.html", preview=preview)


@router.post("/admin/files/confirm")
async def confirm(visit: UserSetter, room: Room, form: Annotated[Confirmed, Form()]) -> Response:
    """Take in what was looked at."""
    session = visit.shift.csrf
    try:
        await visit.check(form)
        _check_right(visit, room.kind_of(session, form.digest))
        done = await room.take(session, visit.user, form.digest)
    except ConfigError as error:
        return await _page(visit, complaints=lines_of(told_by(error)))
    except IllegalMove as error:
        return await _page(visit, problem=in_words(error))
    return await _page(visit, done=done)


def _check_right(visit: Visit, kind: Kind) -> None:
    if not holds(visit.user, _RIGHTS[kind]):
        raise Refused("Your role may not see this.")


async def _page(
    visit: Visit,
    *,
    problem: Sentence | None = None,
    complaints: Sequence[str] = (),
    kind: Kind = Kind.DISPATCH,
    done: Preview | None = None,
) -> HTMLResponse:
    page = await visit.page("admin_files.html", problem=problem, complaints=complaints, kind=kind.value, done=done)
    if complaints:
        page.status_code = 409
    return page
