"""The residents of the centre: a list to search, and a page for each. Who may look, the room behind it judges."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from community.accounts import Shift
from community.care_room import CareRoom
from community.fhir.records import Records
from community.people import Flag
from community.resident_room import ABOUT_HEALTH, ResidentRoom, Tab
from community.rights import Refused as NotAllowed
from community.rights import Right, Subject, holds, is_allowed
from community.store.proposal_list import MOST_WAITING
from community.store.resident_list import INCOMPLETE_BELOW, LAST_PAGE, PAGE, Filters
from community.users import Role
from community.web import care_words, fleet_words, resident_words
from community.web.console import Refused, SignedIn, Wired, Worker, check_form
from community.web.fields import none_if_empty
from community.web.forms import PlainForm
from community.web.incident import may_say_why
from community.web.rooms import room_of

router = APIRouter()

ResidentId = Annotated[str, Path(max_length=64)]
Room = Annotated[ResidentRoom, Depends(room_of(ResidentRoom))]
DAYS = (1, 7)
"""How far back the little drawings of the measured values go."""


class Wanted(BaseModel):
    """What the form above the list says."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    find: Annotated[str, Field(max_length=100)] = ""
    area: Annotated[str, Field(max_length=160)] = ""
    flag: Annotated[Flag | None, BeforeValidator(none_if_empty)] = None
    alone: bool = False
    no_contact: bool = False
    unreviewed: bool = False
    incomplete: bool = False
    gone: bool = False
    proposed: bool = False
    page: Annotated[int, Field(ge=0, le=LAST_PAGE)] = 0

    def filters(self) -> Filters:
        """As the store takes it."""
        return Filters(
            find=self.find.replace("\0", ""),
            area=self.area.replace("\0", ""),
            flag=self.flag,
            is_alone=self.alone,
            has_no_contact=self.no_contact,
            is_unreviewed=self.unreviewed,
            is_incomplete=self.incomplete,
            is_gone=self.gone,
            is_proposed=self.proposed,
        )

    def at(self, page: int) -> str:
        """The address of another page of the same list."""
        said = self.model_dump(mode="json", exclude_defaults=True, exclude={"page"})
        told = {name: "true" if value is True else value for name, value in said.items()}
        return f"/residents?{urlencode(told | ({'page': page} if page else {}))}"


class Reason(PlainForm):
    """Why somebody must see the medical card of a resident without an open case, and what he was looking at."""

    reason: Annotated[str, Field(min_length=4, max_length=400)]
    tab: Tab = Tab.HEALTH


async def register_reader(shift: SignedIn) -> Shift:
    """Who asks, if he may read the register at a desk. Raises Refused."""
    # responders and families have this right over their own case or elder alone, and that is not here
    if shift.user.role in {Role.RESPONDER, Role.FAMILY} or not holds(shift.user, Right.READ_RESIDENTS):
        raise Refused("Your role may not see this.")
    return shift


RegisterReader = Annotated[Shift, Depends(register_reader)]


@router.get("/residents")
async def residents(
    request: Request, console: Wired, shift: RegisterReader, room: Room, wanted: Annotated[Wanted, Query()]
) -> HTMLResponse:
    """A page of the list."""
    lines, has_more = await room.lines(shift.user, wanted.filters(), wanted.page)
    values: dict[str, object] = {
        "lines": lines,
        "has_more": has_more,
        "wanted": wanted,
        "areas": await room.areas(),
        "waiting": await room.waiting(shift.user),
        "most_waiting": MOST_WAITING,
        "may_sort_by_health": room.may_sort_by_health(shift.user),
        "first": wanted.page * PAGE + 1,
        "incomplete_below": INCOMPLETE_BELOW,
        "resident_words": resident_words,
        "fleet": fleet_words,
        "may_open_cases": holds(shift.user, Right.READ_QUEUE),
        "may_take_on": holds(shift.user, Right.KEEP_REGISTER),
        "may_keep": holds(shift.user, Right.KEEP_REACH),
    }
    return await console.page(request, "residents.html", shift, status=200, **values)


@router.get("/residents/{resident_id}")
async def resident(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: RegisterReader,
    room: Room,
    care: Annotated[CareRoom, Depends(room_of(CareRoom))],
    resident_id: ResidentId,
    tab: Tab | None = None,
    days: Annotated[int, Query(ge=1, le=7)] = 1,
) -> HTMLResponse:
    """One resident, and the part of his page that was asked for: the first that is for whoever asks."""
    values: dict[str, object]
    first = Tab.VITALS if holds(shift.user, Right.READ_MEDICAL) else Tab.DEVICES
    try:
        page = await room.page(shift.user, resident_id, tab or first, days)
    except NotAllowed as error:
        if not may_say_why(error, shift):
            raise
        values = {"resident_id": resident_id, "ground": str(error), "tab": first}
        return await console.page(request, "outside.html", shift, status=403, **values)
    if page is None:
        raise HTTPException(404)
    record = Subject(now=console.clock(), is_home=False, holds_medical=True)
    values = {
        "resident": page,
        "file": page.file,
        "person": page.file.resident,
        "days": days,
        "all_days": DAYS,
        "about_health": ABOUT_HEALTH,
        "resident_words": resident_words,
        "fleet": fleet_words,
        "may_file": holds(shift.user, Right.WORK_CASES) and not page.is_foreign,
        "may_keep": holds(shift.user, Right.KEEP_REACH) and not page.is_foreign,
        "care": await care.told(page),
        "care_words": care_words,
        "may_keep_care": holds(shift.user, Right.KEEP_REGISTER) and not page.is_foreign,
        "has_record": isinstance(request.app.state.records, Records) and is_allowed(shift.user, Right.EXPORT, record),
    }
    return await console.page(request, "resident.html", shift, status=200, **values)


@router.post("/residents/{resident_id}/look")
async def look(shift: Worker, room: Room, resident_id: ResidentId, form: Annotated[Reason, Form()]) -> Response:
    """Open the medical card for a reason; a supervisor looks at that."""
    check_form(shift, form.csrf)
    if not await room.ask(shift.user, resident_id, form.reason):
        raise HTTPException(404)
    return RedirectResponse(f"/residents/{resident_id}?tab={form.tab.value}", status_code=303)


@router.get("/residents/{resident_id}/photo")
async def photo(
    shift: RegisterReader, room: Room, resident_id: ResidentId, size: Literal["page", "small"] = "page"
) -> Response:
    """The face. Nobody on the way may keep it."""
    picture = await room.photo(shift.user, resident_id, is_small=size == "small")
    if picture is None:
        raise HTTPException(404)
    return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, no-store"})
