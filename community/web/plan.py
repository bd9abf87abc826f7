"""The plan: buildings by how their homes are, and one building door by door. It names places and doors, no people."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import Shift
from community.map_room import MapRoom
from community.plan import Building
from community.plan_room import Overview, PlanRoom
from community.rights import Right, holds
from community.web.console import Reader, Wired, language_of
from community.web.rooms import has_room, room_of

router = APIRouter()
Room = Annotated[PlanRoom, Depends(room_of(PlanRoom))]


class Asked(BaseModel):
    """What of the plan is asked for: a place, or the building of a home; `after`: which page of homes without one."""

    model_config = ConfigDict(frozen=True)

    at: Annotated[str, Field(max_length=200)] = ""
    home: Annotated[str, Field(max_length=200)] = ""
    after: Annotated[str, Field(max_length=200)] = ""
    part: Literal["page", "live"] = "page"

    @property
    def address(self) -> str:
        """Where the live part of the same is."""
        words = {"at": self.at, "home": self.home, "after": self.after}
        return "/plan?" + urlencode({key: word for key, word in words.items() if word} | {"part": "live"})


@router.get("/plan")
async def plan(
    request: Request, console: Wired, shift: Reader, room: Room, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """All buildings; with `at` those of one place, or one building; with `home` its building, the door marked.

    `part`: the page, or only what changes on it by itself, which scripts put in place.
    """
    building, overview = await _found(room, shift, asked)
    if building is None and overview is None:
        raise HTTPException(404)
    may_name = holds(shift.user, Right.READ_RESIDENTS)
    if asked.part == "live":
        values = {"building": building, "overview": overview, "may_name": may_name, "address": asked.address}
        return HTMLResponse(console.pages.render("_plan.html", language_of(request, shift), values))
    return await console.page(
        request,
        "plan.html",
        shift,
        building=building,
        overview=overview,
        may_name=may_name,
        address=asked.address,
        has_map=has_room(request, MapRoom),
    )


async def _found(room: PlanRoom, shift: Shift, asked: Asked) -> tuple[Building | None, Overview | None]:
    if asked.home:
        return await room.building_of(shift.user, asked.home), None
    building = await room.building(shift.user, asked.at) if asked.at else None
    return building, None if building is not None else await room.overview(shift.user, asked.at, after=asked.after)
