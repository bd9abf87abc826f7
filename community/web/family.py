"""A family member's page, made for a phone: how the elder is, and what one may do. Plain forms, no scripts needed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import Shift
from community.care_room import CareRoom
from community.casefile import NotNow
from community.desk import LONGEST_MODE_H, HomeMode
from community.family_room import FamilyRoom
from community.proposals import Wanted, tail
from community.register_forms import Unfit
from community.registry_fields import MOST_PHONES
from community.users import Role
from community.web import care_words, family_words
from community.web.console import Console, Refused, SignedIn, Wired, check_form
from community.web.register_visit import KNOWN_LANGUAGES
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

router = APIRouter()

MAX_WORDS = 1000
HOURS = (8, 24, 72, 168, LONGEST_MODE_H)
"""How long somebody may be said to be away; the home ends it by itself."""
_NOT_DONE = Sentence(
    zh="现在无法这样做，请刷新页面再看一遍，或致电呼叫中心",
    en="this is not possible now: load the page again, or ring the centre",
)
ResidentId = Annotated[str, Path(max_length=64)]
Room = Annotated[FamilyRoom, Depends(room_of(FamilyRoom))]
_Words = Annotated[str, Field(max_length=MAX_WORDS)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    command_id: Annotated[str, Field(min_length=8, max_length=64)]


class Going(_Form):
    """He goes there."""

    incident_id: Annotated[int, Field(ge=1, le=2**62)]


class Away(_Form):
    """Where the elder is."""

    mode: HomeMode
    hours: Annotated[int, Field(ge=0, le=LONGEST_MODE_H)] = 0


class Asking(_Form):
    """What is asked for."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_WORDS)]


class OwnNumber(_Form):
    """How he is reached himself. `at`: the place of the number that the new one follows."""

    phone: Annotated[str, Field(max_length=100)] = ""
    at: Annotated[int, Field(ge=0, lt=MOST_PHONES)] = 0
    language: Annotated[str, Field(max_length=400)] = ""
    other_language: Annotated[str, Field(max_length=400)] = ""

    def wanted(self) -> Wanted:
        """What he proposes."""
        return Wanted(phone=self.phone, at=self.at, language=self.other_language or self.language)


class Rating(_Form):
    """How it was."""

    incident_id: Annotated[int, Field(ge=1, le=2**62)]
    score: Annotated[int, Field(ge=1, le=5)]
    text: _Words = ""


async def relative(shift: SignedIn) -> Shift:
    """Who asks, if he is family. Raises Refused."""
    if shift.user.role is not Role.FAMILY:
        raise Refused("Your role may not see this.")
    return shift


Relative = Annotated[Shift, Depends(relative)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A family member who asks for something."""

    request: Request
    console: Console
    shift: Shift
    room: FamilyRoom
    care: CareRoom

    async def order(self, form: _Form, what: str, work: Callable[[], Awaitable[object]], *, kept: str = "") -> Response:
        """Do it, and say so; where it is not possible now say why, and keep what was written."""
        check_form(self.shift, form.csrf)
        try:
            await work()
        except IllegalMove as error:
            problem = error.said if isinstance(error, NotNow) else _NOT_DONE
            return await self.page(problem=problem, kept=kept, status=409)
        return RedirectResponse(f"/family?done={what}", status_code=303)

    async def page(
        self,
        *,
        done: str = "",
        problem: Sentence | None = None,
        kept: str = "",
        number: "_Number | None" = None,
        status: int = 200,
    ) -> HTMLResponse:
        """His elders, and what became of his wish."""
        elders = await self.room.elders(self.shift.user)
        values: dict[str, object] = {
            "elders": elders,
            "care": {one.elder.resident_id: await self.care.told_family(one) for one in elders},
            "care_words": care_words,
            "family_words": family_words,
            "done": done,
            "problem": problem,
            "kept": kept,
            "hours": HOURS,
            "max_words": MAX_WORDS,
            "phone": self.room.phone,
            "number": number,
            "known_languages": KNOWN_LANGUAGES,
            "tail": tail,
        }
        return await self.console.page(self.request, "family.html", self.shift, status=status, **values)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Number:
    """A form of his own number that was refused: of which elder, what was written, what to do about which field."""

    resident_id: str
    form: OwnNumber
    faults: Mapping[str, str]


async def visit(
    request: Request,
    console: Wired,
    shift: Relative,
    room: Room,
    care: Annotated[CareRoom, Depends(room_of(CareRoom))],
) -> Visit:
    """Who asks, and where. Raises Refused."""
    return Visit(request=request, console=console, shift=shift, room=room, care=care)


Asked = Annotated[Visit, Depends(visit)]


@router.get("/family")
async def family(asked: Asked, done: str = "") -> HTMLResponse:
    """His elders."""
    return await asked.page(done=done[:20])


@router.post("/family/{resident_id}/going")
async def going(asked: Asked, resident_id: ResidentId, form: Annotated[Going, Form()]) -> Response:
    """He answers the centre's call: he goes."""
    user = asked.shift.user
    return await asked.order(form, "going", lambda: asked.room.going(user, resident_id, form.incident_id))


@router.post("/family/{resident_id}/mode")
async def set_mode(asked: Asked, resident_id: ResidentId, form: Annotated[Away, Form()]) -> Response:
    """Say where the elder is."""
    user, hours = asked.shift.user, 0 if form.mode is HomeMode.HOME else form.hours
    setting = (user, resident_id, form.mode, hours, form.command_id)
    return await asked.order(form, "mode", lambda: asked.room.set_mode(*setting))


@router.post("/family/{resident_id}/request")
async def ask(asked: Asked, resident_id: ResidentId, form: Annotated[Asking, Form()]) -> Response:
    """File a request."""
    asking = (asked.shift.user, resident_id, form.text.replace("\0", ""), form.command_id)
    return await asked.order(form, "request", lambda: asked.room.ask(*asking), kept=form.text)


@router.post("/family/{resident_id}/number")
async def propose(asked: Asked, resident_id: ResidentId, form: Annotated[OwnNumber, Form()]) -> Response:
    """Another number or language of his own: the centre checks it before it is used."""
    try:
        return await asked.order(
            form, "number", lambda: asked.room.propose(asked.shift.user, resident_id, form.wanted())
        )
    except Unfit as error:
        faults = {name: family_words.number_fault(name, fault) for name, fault in error.fields.items()}
        number = _Number(resident_id=resident_id, form=form, faults=faults)
        return await asked.page(number=number, status=422)


@router.post("/family/{resident_id}/number/withdraw")
async def withdraw(asked: Asked, resident_id: ResidentId, form: Annotated[_Form, Form()]) -> Response:
    """It need not be checked any more."""
    return await asked.order(form, "withdrawn", lambda: asked.room.withdraw(asked.shift.user, resident_id))


@router.post("/family/{resident_id}/rating")
async def rate(
    asked: Asked,
    resident_id: ResidentId,  # noqa: ARG001 - the form stands on the page of this elder
    form: Annotated[Rating, Form()],
) -> Response:
    """Say how it was."""
    rating = (asked.shift.user, form.incident_id, form.score, form.text.replace("\0", ""), form.command_id)
    return await asked.order(form, "rating", lambda: asked.room.rate(*rating), kept=form.text)


@router.get("/family/{resident_id}/photo")
async def photo(shift: Relative, room: Room, resident_id: ResidentId) -> Response:
    """The elder's face, where he has agreed to it."""
    picture = await room.photo(shift.user, resident_id)
    if picture is None:
        raise HTTPException(404)
    return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, no-store"})
