"""A storm: the cases that it holds back, and the supervisor's word that they shall not wait."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import Shift
from community.rights import Right, holds
from community.web.console import Console, Reader, Wired, check_form, holding
from community.web.pages import MAX_ROWS
from community.web.words import marked

router = APIRouter()
StormId = Annotated[int, Path(ge=1, le=2**62)]
_LATE = marked("Nothing has been changed: the storm is over, or the waiting was ended before.")


class Releasing(BaseModel):
    """A supervisor ends the waiting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csrf: Annotated[str, Field(max_length=128)]
    sure: bool


Director = Annotated[Shift, Depends(holding(Right.DIRECT_CASES, marked("Your role may look, but not act.")))]


@router.get("/storms/{storm_id}")
async def storm(request: Request, console: Wired, shift: Reader, storm_id: StormId) -> HTMLResponse:
    """The storm with its cases."""
    return await _page(request, console, shift, storm_id)


@router.post("/storms/{storm_id}/release")
async def release(
    request: Request, console: Wired, shift: Director, storm_id: StormId, form: Annotated[Releasing, Form()]
) -> Response:
    """End the waiting."""
    check_form(shift, form.csrf)
    if form.sure and await console.desk_of(shift).release_storm(storm_id, by=shift.user.login):
        return RedirectResponse(f"/storms/{storm_id}", status_code=303)
    return await _page(request, console, shift, storm_id, problem=_LATE, status=409)


async def _page(
    request: Request, console: Console, shift: Shift, storm_id: int, /, *, problem: str = "", status: int = 200
) -> HTMLResponse:
    desk = console.desk_of(shift)
    found = next((one for one in await desk.storms() if one.storm_id == storm_id), None)
    if found is None:
        raise HTTPException(404)
    values: dict[str, object] = {
        "storm": found,
        "rows": await desk.held(storm_id),
        "shown": MAX_ROWS,
        "problem": problem,
        "may_release": holds(shift.user, Right.DIRECT_CASES),
    }
    return await console.page(request, "storm.html", shift, status=status, **values)
