"""Who is behind with his care, as a list; and the forms by which plans, assessments and medicines are kept."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from community.accounts import Shift
from community.care import MEASURED, USUAL, Assessment, Condition
from community.care_desk import MODELS, CareDesk, Kept, Sheet, Unfit, row_of
from community.care_room import Behind, CareRoom
from community.casefile import StaleVersion
from community.registry import CarePlanRow
from community.resident_room import ResidentRoom, Tab
from community.rights import Right
from community.store.care_list import LAST_PAGE, PAGE, Sieve, Why
from community.store.care_rows import KEYS, CareRow
from community.web import care_words
from community.web.console import Console, Wired, check_form, holding, language_of
from community.web.fields import none_if_empty
from community.web.language import translations
from community.web.rooms import room_of
from community.web.spreadsheet import spreadsheet
from shouwang.alert import Sentence

router = APIRouter()

ResidentId = Annotated[str, Path(max_length=64)]
Care = Annotated[CareRoom, Depends(room_of(CareRoom))]
Desk = Annotated[CareDesk, Depends(room_of(CareDesk))]
Residents = Annotated[ResidentRoom, Depends(room_of(ResidentRoom))]
TABS = {Kept.PLANS: Tab.CARE, Kept.ASSESSMENTS: Tab.ASSESSMENTS, Kept.MEDICINES: Tab.MEDICINES}
_LONGEST = 400


class Wanted(BaseModel):
    """What the form above the list says."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    why: Annotated[Why | None, BeforeValidator(none_if_empty)] = None
    area: Annotated[str, Field(max_length=160)] = ""
    page: Annotated[int, Field(ge=0, le=LAST_PAGE)] = 0

    @property
    def sieve(self) -> Sieve:
        """As the store takes it."""
        return Sieve(why=self.why, area=self.area.replace("\0", ""))

    def at(self, page: int = 0, *, path: str = "/care", why: Why | None = None) -> str:
        """The address of another page of the same list; `why`: kept to this reason."""
        told = {"why": (why or self.why or ""), "area": self.area, "page": page or ""}
        said = urlencode({name: value for name, value in told.items() if value})
        return f"{path}?{said}" if said else path


class Taken(Wanted):
    """The same list as a file, and what it is for."""

    reason: Annotated[str, Field(min_length=2, max_length=200)]


class Written(BaseModel):
    """What every form of an entry has: who sends it, what was seen, and why it is changed."""

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    stand: Annotated[str, Field(max_length=64)] = ""
    reason: Annotated[str, Field(min_length=2, max_length=_LONGEST)]

    @property
    def fields(self) -> Mapping[str, str]:
        """What else was written."""
        return {
            name: str(value).strip()[:_LONGEST].replace("\0", "") for name, value in (self.model_extra or {}).items()
        }


Keeper = Annotated[Shift, Depends(holding(Right.KEEP_REGISTER))]


@router.get("/care")
async def behind(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Keeper,
    room: Care,
    residents: Residents,
    wanted: Annotated[Wanted, Query()],
) -> HTMLResponse:
    """Who is behind."""
    found: Behind = await room.behind(shift.user, wanted.sieve, wanted.page)
    values: dict[str, object] = {
        "lines": found.lines,
        "counts": found.counts,
        "has_more": found.has_more,
        "wanted": wanted,
        "areas": await residents.areas(),
        "first": wanted.page * PAGE + 1,
        "care_words": care_words,
        "may_take_out": room.may_take_out(shift.user),
    }
    return await console.page(request, "care.html", shift, status=200, **values)


@router.get("/care.csv")
async def behind_as_file(
    request: Request,
    shift: Keeper,
    room: Care,
    wanted: Annotated[Taken, Query()],
) -> Response:
    """The same as a file; what for is written down."""
    said = translations(language_of(request, shift)).gettext
    lines = await room.taken_out(shift.user, wanted.sieve, wanted.reason)
    head = [said(one) for one in ("Resident", "Id", "Address", "Telephone")] + [
        said(one) for one in care_words.WHYS.values()
    ]
    rows = (
        (
            one.name,
            one.resident_id,
            one.address,
            one.phone,
            "; ".join(
                f"{_illness(each.plan, said)} {each.plan.quantity} {each.found}/{each.plan.times}"
                for each in one.unkept
            ),
            "; ".join(f"{_illness(plan, said)} {plan.review_on}" for plan in one.reviews),
            "; ".join(f"{said(care_words.KINDS[row.kind])} {row.next_on}" for row in one.assessments),
        )
        for one in lines
    )
    return spreadsheet([head, *rows], name="care.csv")


@router.get("/residents/{resident_id}/care/{kept}")
async def form(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request, console: Wired, shift: Keeper, desk: Desk, resident_id: ResidentId, kept: Kept
) -> HTMLResponse:
    """The form of an entry, or of a new one."""
    sheet = await _sheet(desk, shift, resident_id, kept, request.query_params)
    return await _page(request, console, shift, sheet, _filled_in(sheet.entry, request.query_params))


@router.post("/residents/{resident_id}/care/{kept}")
async def keep(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Keeper,
    desk: Desk,
    resident_id: ResidentId,
    kept: Kept,
    written: Annotated[Written, Form()],
) -> Response:
    """Put it on file, or say what is wrong with it."""
    check_form(shift, written.csrf)
    try:
        row = row_of(kept, {"resident": resident_id, **_values(kept, written.fields)})
        if not await desk.keep(shift.user, kept, row, written.stand, written.reason):
            raise HTTPException(404)
    except (Unfit, StaleVersion) as error:
        return await _again(request, console, shift, desk, (resident_id, kept, written, error))
    return RedirectResponse(f"/residents/{resident_id}?tab={TABS[kept]}#parts", status_code=303)


@router.post("/residents/{resident_id}/care/{kept}/remove")
async def remove(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Keeper,
    desk: Desk,
    resident_id: ResidentId,
    kept: Kept,
    written: Annotated[Written, Form()],
) -> Response:
    """Take off the file what should not be there."""
    check_form(shift, written.csrf)
    key = {name: written.fields.get(name, "") for name in KEYS[MODELS[kept]]}
    try:
        if not await desk.take_away(shift.user, kept, resident_id, key, stand=written.stand, reason=written.reason):
            raise HTTPException(404)
    except StaleVersion as error:
        return await _again(request, console, shift, desk, (resident_id, kept, written, error))
    return RedirectResponse(f"/residents/{resident_id}?tab={TABS[kept]}#parts", status_code=303)


async def _again(
    request: Request,
    console: Console,
    shift: Shift,
    desk: CareDesk,
    sent: tuple[str, Kept, Written, Unfit | StaleVersion],
) -> Response:
    """The form with what was written; where somebody else was faster, as it stands now."""
    resident_id, kept, written, error = sent
    if isinstance(error, StaleVersion):
        try:
            sheet = await _sheet(desk, shift, resident_id, kept, written.fields)
        except HTTPException:
            sheet = await _sheet(desk, shift, resident_id, kept, {})
        shown = _filled_in(sheet.entry, {})
        return await _page(request, console, shift, sheet, shown, problem=error.said, status=409)
    sheet = await _sheet(desk, shift, resident_id, kept, written.fields if written.stand else {})
    return await _page(request, console, shift, sheet, written.fields, wrong=error, reason=written.reason, status=422)


async def _sheet(desk: CareDesk, shift: Shift, resident_id: str, kept: Kept, said: Mapping[str, str]) -> Sheet:
    """Raises HTTPException where there is nothing of the kind."""
    names = KEYS[MODELS[kept]]
    needed = [name for name in names if name != "scale"]
    key = {name: said.get(name, "")[:_LONGEST] for name in names} if all(said.get(name) for name in needed) else {}
    sheet = await desk.sheet(shift.user, resident_id, kept, key)
    if sheet is None:
        raise HTTPException(404)
    return sheet


async def _page(
    request: Request,
    console: Console,
    shift: Shift,
    sheet: Sheet,
    shown: Mapping[str, str],
    **also: object,
) -> HTMLResponse:
    wrong = also.get("wrong")
    problem = also.get("problem")
    values: dict[str, object] = {
        "sheet": sheet,
        "shown": shown,
        "wrong": wrong.fields if isinstance(wrong, Unfit) else frozenset(),
        "slips": sorted(wrong.slips) if isinstance(wrong, Unfit) else [],
        "problem": problem if isinstance(problem, Sentence) else None,
        "reason": str(also.get("reason", "")),
        "key": KEYS[MODELS[sheet.kept]],
        "tab": TABS[sheet.kept],
        "care_words": care_words,
        "conditions": tuple(Condition),
        "kinds": tuple(Assessment),
        "quantities": MEASURED,
        "usual": USUAL,
    }
    status = also.get("status", 200)
    return await console.page(request, "care_form.html", shift, status=int(str(status)), **values)


def _values(kept: Kept, written: Mapping[str, str]) -> dict[str, object]:
    """What was filled in, as the models take it: times of day may have any sign between them."""
    found: dict[str, object] = {name: value for name, value in written.items() if value}
    if kept is Kept.MEDICINES and "at" in found:
        times = re.split(r"[\s,;，；、]+", str(found["at"]).replace("：", ":"))
        found["at"] = tuple(one.zfill(5) for one in times if one)
    return found


def _filled_in(entry: CareRow | None, asked: Mapping[str, str]) -> Mapping[str, str]:
    """The entry as its form shows it; of a new one what the address says."""
    if entry is None:
        return {name: value[:_LONGEST] for name, value in asked.items()}
    told = entry.model_dump(mode="json", exclude={"resident"})
    return {name: _spelled(value) for name, value in told.items()}


def _spelled(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


def _illness(plan: CarePlanRow, said: Callable[[str], str]) -> str:
    return plan.title or said(care_words.CONDITIONS[plan.condition])
