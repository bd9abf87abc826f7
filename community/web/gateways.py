"""The homes' gateways: which are heard, which sensors are not; and whether the people of a home are there."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.desk import LONGEST_MODE_H, HomeMode
from community.web.console import BoxReader, Reader, Wired, Worker, check_form

router = APIRouter()

GatewayId = Annotated[str, Path(max_length=64)]
HOURS = (0, 8, 24, 72, 168, LONGEST_MODE_H)
"""How long a mode is ordered for; 0: as long as the home allows."""


class HomeForm(BaseModel):
    """What every form of a home carries."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    command_id: Annotated[str, Field(min_length=8, max_length=64)]


class ModeForm(HomeForm):
    """What an operator knows of a home."""

    mode: HomeMode
    hours: Annotated[int, Field(ge=0, le=LONGEST_MODE_H)] = 0


@router.get("/gateways")
async def gateways(request: Request, console: Wired, shift: BoxReader) -> HTMLResponse:
    """All of them, those not heard first."""
    return await console.page(request, "gateways.html", shift, rows=await console.desk_of(shift).gateways())


@router.get("/gateways/{gateway_id}")
async def home(request: Request, console: Wired, shift: Reader, gateway_id: GatewayId) -> HTMLResponse:
    """One home, and who said what of it."""
    page = await console.desk_of(shift).home(gateway_id)
    if page is None:
        raise HTTPException(404)
    return await console.page(request, "home.html", shift, home=page, hours=HOURS)


@router.post("/gateways/{gateway_id}/mode")
async def set_mode(console: Wired, shift: Worker, gateway_id: GatewayId, form: Annotated[ModeForm, Form()]) -> Response:
    """Tell the home whether its people are there."""
    check_form(shift, form.csrf)
    await console.desk_of(shift).set_mode(
        gateway_id, mode=form.mode, hours=form.hours, by=shift.user.login, command_id=form.command_id
    )
    return RedirectResponse(f"/gateways/{gateway_id}", status_code=303)


@router.post("/gateways/{gateway_id}/test")
async def request_test(
    console: Wired, shift: Worker, gateway_id: GatewayId, form: Annotated[HomeForm, Form()]
) -> Response:
    """Ask the home for a test alarm."""
    check_form(shift, form.csrf)
    await console.desk_of(shift).request_test(gateway_id, by=shift.user.login, command_id=form.command_id)
    return RedirectResponse(f"/gateways/{gateway_id}", status_code=303)
