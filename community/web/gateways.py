"""The homes' gateways: which are heard and how they are, their sensors, and whether the people of a home are there."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.desk import LONGEST_MODE_H, HomeMode
from community.fleet import (
    CLOCK_OFF,
    PAGE_ROWS,
    ROUND_MOST,
    BoxLine,
    BoxState,
    FleetPage,
    FleetWish,
    SensorWish,
    Show,
    Sort,
    Want,
)
from community.fleet_room import FleetRoom
from community.rights import Right, holds
from community.web import fleet_words
from community.web.console import BoxReader, Console, Wired, Worker, check_form, language_of
from community.web.fleet_tables import box_table, sensor_table
from community.web.forms import CommandForm, PlainForm
from community.web.rooms import room_of

router = APIRouter()

GatewayId = Annotated[str, Path(max_length=64)]
Room = Annotated[FleetRoom, Depends(room_of(FleetRoom))]
HOURS = (0, 8, 24, 72, 168, LONGEST_MODE_H)
"""How long a mode is ordered for; 0: as long as the home allows."""
_LAST_PAGE = 10_000
_HELD_CHARS = PAGE_ROWS * 65


class Asked(BaseModel):
    """What the address of the list says."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    show: Show = Show.ALL
    version: Annotated[str, Field(max_length=64)] = ""
    search: Annotated[str, Field(max_length=100)] = ""
    sort: Sort = Sort.WORST
    page: Annotated[int, Field(ge=1, le=_LAST_PAGE)] = 1
    held: Annotated[str, Field(max_length=_HELD_CHARS)] = ""

    def wish(self) -> FleetWish:
        """As the room takes it."""
        return FleetWish(
            show=self.show,
            version=self.version.replace("\0", "") or None,
            search=self.search.replace("\0", ""),
            sort=self.sort,
            page=self.page,
            held=tuple(dict.fromkeys(filter(None, self.held.replace("\0", "").split(","))))[:PAGE_ROWS],
        )

    def to(self, path: str = "/gateways", **changes: object) -> str:
        """The address of the same list with these changes; another list begins at its first page."""
        values = self.model_dump(mode="json") | {"held": "", "page": 1} | changes
        usual = Asked().model_dump(mode="json")
        said = {name: str(value) for name, value in values.items() if value != usual[name]}
        return f"{path}?{urlencode(said)}" if said else path


class AskedSensors(BaseModel):
    """What the address of the list of sensors says."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    want: Want = Want.ALL
    search: Annotated[str, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=_LAST_PAGE)] = 1

    def wish(self) -> SensorWish:
        """As the room takes it."""
        return SensorWish(want=self.want, search=self.search.replace("\0", ""), page=self.page)

    def to(self, path: str = "/sensors", **changes: object) -> str:
        """The address of the same list with these changes; another list begins at its first page."""
        values = self.model_dump(mode="json") | {"page": 1} | changes
        usual = AskedSensors().model_dump(mode="json")
        said = {name: str(value) for name, value in values.items() if value != usual[name]}
        return f"{path}?{urlencode(said)}" if said else path


class ModeForm(CommandForm):
    """What an operator knows of a home."""

    mode: HomeMode
    hours: Annotated[int, Field(ge=0, le=LONGEST_MODE_H)] = 0


class RoundForm(CommandForm):
    """Which boxes are asked for a test alarm."""

    show: Show = Show.ALL
    version: Annotated[str, Field(max_length=64)] = ""
    search: Annotated[str, Field(max_length=100)] = ""


@router.get("/gateways")
async def gateways(
    request: Request, console: Wired, shift: BoxReader, room: Room, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """A page of them, the worst first."""
    found = await room.page(shift.user, asked.wish())
    rounds = await room.rounds(shift.user) if holds(shift.user, Right.WORK_CASES) else ()
    held = ",".join(row.gateway_id for row in found.rows)
    return await console.page(
        request,
        "gateways.html",
        shift,
        status=200,
        found=found,
        asked=asked,
        refresh=asked.to(page=asked.page, held=held) if held else asked.to(page=asked.page),
        shares=_shares(found),
        rounds=rounds,
        most=ROUND_MOST,
        can_be_asked=asked.show not in (Show.SILENT, Show.NEVER),
        may_export=holds(shift.user, Right.EXPORT),
        **_words(console),
    )


@router.get("/gateways.csv")
async def gateways_csv(console: Wired, shift: BoxReader, room: Room, asked: Annotated[Asked, Query()]) -> Response:
    """All that fit, as a table."""
    return box_table(await room.boxes(shift.user, asked.wish()), console.pages.zone)


@router.get("/sensors")
async def sensors(
    request: Request, console: Wired, shift: BoxReader, room: Room, asked: Annotated[AskedSensors, Query()]
) -> HTMLResponse:
    """Sensors of all homes that want a visit."""
    found = await room.sensors(shift.user, asked.wish())
    may_export = holds(shift.user, Right.EXPORT)
    return await console.page(
        request,
        "sensors.html",
        shift,
        status=200,
        found=found,
        asked=asked,
        may_export=may_export,
        **_words(console),
    )


@router.get("/sensors.csv")
async def sensors_csv(
    request: Request, console: Wired, shift: BoxReader, room: Room, asked: Annotated[AskedSensors, Query()]
) -> Response:
    """All that fit, as a table."""
    rows = await room.tour(shift.user, asked.wish())
    return sensor_table(rows, console.pages.zone, language_of(request, shift))


@router.post("/gateways/tests")
async def ask_tests(shift: Worker, room: Room, form: Annotated[RoundForm, Form()]) -> Response:
    """Ask all that fit for a test alarm, one after the other."""
    check_form(shift, form.csrf)
    asked = Asked(show=form.show, version=form.version, search=form.search)
    await room.ask_tests(shift.user, asked.wish(), command_id=form.command_id)
    return RedirectResponse(f"{asked.to()}#rounds", status_code=303)


@router.post("/gateways/tests/{round_id}/stop")
async def stop_tests(
    shift: Worker, room: Room, round_id: Annotated[int, Path(ge=1, le=2**62)], form: Annotated[PlainForm, Form()]
) -> Response:
    """Ask nobody else."""
    check_form(shift, form.csrf)
    await room.stop_tests(shift.user, round_id)
    return RedirectResponse("/gateways#rounds", status_code=303)


@router.get("/gateways/{gateway_id}")
async def home(request: Request, console: Wired, shift: BoxReader, room: Room, gateway_id: GatewayId) -> HTMLResponse:
    """One home: its box, its sensors, and who said what of it; of the people only who may read cases sees it."""
    page = await console.desk_of(shift).home(gateway_id)
    if page is None:
        raise HTTPException(404)
    box = await room.box(shift.user, gateway_id)
    return await console.page(
        request,
        "home.html",
        shift,
        status=200,
        home=page,
        hours=HOURS,
        box=box,
        names=await console.accounts.names(),
        to_do=() if box is None else _to_do(box),
        sensors=await room.sensors_of(shift.user, gateway_id),
        starts=await room.starts_of(shift.user, gateway_id),
        **_words(console),
    )


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
    console: Wired, shift: Worker, gateway_id: GatewayId, form: Annotated[CommandForm, Form()]
) -> Response:
    """Ask the home for a test alarm."""
    check_form(shift, form.csrf)
    await console.desk_of(shift).request_test(gateway_id, by=shift.user.login, command_id=form.command_id)
    return RedirectResponse(f"/gateways/{gateway_id}", status_code=303)


def _words(console: Console) -> dict[str, object]:
    return {
        "fleet": fleet_words,
        "Show": Show,
        "BoxState": BoxState,
        "clock_off_ms": CLOCK_OFF.total_seconds() * 1000,
        "zone": console.pages.zone,
    }


def _shares(found: FleetPage) -> list[tuple[str, int, int]]:
    """Each version with its boxes and its share in percent of those that have told theirs."""
    told = sum(boxes for _, boxes in found.versions) or 1
    return [(version, boxes, round(100 * boxes / told)) for version, boxes in found.versions]


def _to_do(box: BoxLine) -> list[str]:
    """What to do about it, the most urgent first."""
    shown = {Show.SILENT} if box.state is BoxState.SILENT else {Show.NEVER} if box.state is BoxState.NEVER else set()
    return [said for show, said in fleet_words.TO_DO.items() if show in shown | box.troubles]
