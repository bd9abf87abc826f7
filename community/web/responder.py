"""A responder's phone: one case, one big button. Plain forms, no scripts, no session: the link is all that he has."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, HTTPException, Path, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.casefile import Disposition
from community.desk import Wish
from community.dispatch_room import DispatchRoom
from community.errand import DECLINES, ETAS_MIN
from community.errands import Door, Opened, wish_of
from community.photos import MAX_UPLOAD_BYTES
from community.rights import Refused as NotAllowed
from community.sheet import text as sheet_text
from community.store.responder_links import Link
from community.web import words
from community.web.console import LANGUAGE_COOKIE, Console, Wired
from community.web.language import Language, language_named, preferred, translations
from community.web.words import marked
from shouwang.errors import DecodeError, IllegalMove

router = APIRouter()
MAX_NOTE = 2000
PHONE_COOKIE = "phone"
_COOKIE_LIFE = timedelta(days=3)
"""Longer than a case is open (48 h, 72 h) and what may be looked up afterwards."""
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{20,64}$")]
Words = Annotated[str, Field(max_length=MAX_NOTE)]
CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]

DOORS = {
    Door.UNKNOWN: marked("This link is not valid. Ring the centre if you were asked to help."),
    Door.CLOSED: marked("This case is over for you. The link shows nothing any more."),
    Door.ELSEWHERE: marked("This link is held by another phone. Ring the centre for a new one."),
}
PROBLEMS = {
    "moved": marked("That was not possible any more. This is how things stand now."),
    "photo": marked("The photo could not be read. Your words are kept: choose another photo, or send without one."),
    "safe": marked("The code is shown only to whoever is on the way or there. Ring the centre."),
    "words": marked("Say in a few words what you found."),
}


class Order(BaseModel):
    """What a button of the phone sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    command: Literal["accept", "decline", "arrive", "ping", "note", "call_120", "call_119", "call_110"]
    command_id: CommandId
    eta_min: Annotated[int, Field(ge=1, le=240)] | None = None
    why: Annotated[str, Field(max_length=20)] = ""
    text: Words = ""


def room_of(request: Request) -> DispatchRoom:
    """The room of this application; 404 where it has none."""
    room = request.app.state.dispatch
    if not isinstance(room, DispatchRoom):
        raise HTTPException(404)
    return room


Room = Annotated[DispatchRoom, Depends(room_of)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A link, and the phone that asks with it."""

    request: Request
    console: Console
    room: DispatchRoom
    link: Link
    token: str

    @property
    def language(self) -> Language:
        """What its holder reads."""
        return _language(self.request, self.link)

    def show(self, template: str, values: dict[str, object], *, status: int = 200) -> HTMLResponse:
        """A page of this phone."""
        shown = {"path": f"/r/{self.token}", "token": self.token} | values
        return HTMLResponse(self.console.pages.render(template, self.language, shown), status_code=status)

    async def errand(self, *, status: int = 200, **more: object) -> HTMLResponse:
        """The case as it is now; `more`: what went wrong, the words that are kept, a code that was asked for."""
        errand = await self.room.errands.errand(self.link)
        if errand is None:
            return _shut(self.request, self.console, Door.UNKNOWN)
        values: dict[str, object] = {
            "errand": errand,
            "phone": self.room.errands.phone,
            "etas": ETAS_MIN,
            "declines": DECLINES,
            "max_note": MAX_NOTE,
            "problem": "",
            "problems": PROBLEMS,
            "kept": {},
            "code": "",
        }
        return self.show("phone.html", values | more, status=status)

    async def carried_out(self, wish: Wish, upload: bytes | None = None) -> Response:
        """The order, then the case as it is after it; where it was not possible, as it is now."""
        kept = {"disposition": wish.disposition, "text": wish.text}
        try:
            await self.room.errands.order(wish, upload)
        except DecodeError:
            return await self.errand(problem="photo", kept=kept, status=422)
        except IllegalMove:
            return await self.errand(problem="moved", kept=kept, status=409)
        return RedirectResponse(f"/r/{self.token}", status_code=303)


async def held(request: Request, console: Wired, room: Room, token: Token) -> Held:
    """Whose phone this is. 404 where the link does not open for it: a form that is sent then changes nothing."""
    opened = await room.errands.open(token, request.cookies.get(PHONE_COOKIE, ""))
    if not isinstance(opened, Opened) or not opened.is_bound:
        raise HTTPException(404)
    return Held(request=request, console=console, room=room, link=opened.link, token=token)


Phone = Annotated[Held, Depends(held)]


@router.get("/r/{token}")
async def page(request: Request, console: Wired, room: Room, token: Token) -> Response:
    """The case, or the button that lets this phone hold the link: opening alone binds nothing (chats preview links)."""
    opened = await room.errands.open(token, request.cookies.get(PHONE_COOKIE, ""))
    if isinstance(opened, Door):
        return _shut(request, console, opened)
    phone = Held(request=request, console=console, room=room, link=opened.link, token=token)
    return await phone.errand() if opened.is_bound else phone.show("phone_door.html", {"door": None})


@router.post("/r/{token}")
async def bind(request: Request, console: Wired, room: Room, token: Token) -> Response:
    """This phone holds the link from now on."""
    opened = await room.errands.open(token, request.cookies.get(PHONE_COOKIE, ""))
    if isinstance(opened, Door):
        return _shut(request, console, opened)
    answer = RedirectResponse(f"/r/{token}", status_code=303)
    if not opened.is_bound:
        device = await room.errands.bind(token)
        if device is None:
            return _shut(request, console, Door.ELSEWHERE)
        answer.set_cookie(
            PHONE_COOKIE,
            device,
            max_age=int(_COOKIE_LIFE.total_seconds()),
            path=f"/r/{token}",
            secure=console.secure_cookies,
            httponly=True,
            samesite="lax",  # the link is opened from a message, which is another site
        )
    return answer


@router.post("/r/{token}/order")
async def order(phone: Phone, form: Annotated[Order, Form()]) -> Response:
    """Accept, decline, arrive, all is well, a note, or that 120 was called."""
    more: dict[str, object] = {"text": form.text}
    if form.command == "decline":
        more["reason"] = _words_of(phone.language, words.DECLINES.get(form.why, words.DECLINES["other"]))
    if form.command == "accept":
        more["eta_min"] = form.eta_min
    return await phone.carried_out(wish_of(phone.link, form.command, form.command_id, **more))


@router.post("/r/{token}/report")
async def report(
    phone: Phone,
    command_id: Annotated[CommandId, Form()],
    disposition: Annotated[Disposition, Form()],
    text: Annotated[Words, Form()] = "",
    photo: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """What was found and how it ended, with a photo or without."""
    if not text.strip():
        return await phone.errand(problem="words", kept={"disposition": disposition}, status=422)
    upload = None if photo is None else await photo.read(MAX_UPLOAD_BYTES + 1)
    wish = wish_of(phone.link, "report", command_id, disposition=disposition, text=text.strip())
    return await phone.carried_out(wish, upload or None)


@router.post("/r/{token}/key-safe")
async def key_safe(phone: Phone) -> Response:
    """The code, once: it stands on this answer only, and the look is logged."""
    try:
        code = await phone.room.errands.key_safe(phone.link)
    except (NotAllowed, IllegalMove):
        return await phone.errand(problem="safe", status=409)
    return await phone.errand(code=code)


@router.get("/r/{token}/sheet")
async def sheet(phone: Phone) -> Response:
    """The sheet for 120, to show the crew."""
    made = await phone.room.sheet_on_scene(phone.link)
    if made is None:
        raise HTTPException(404)
    return phone.show("phone_sheet.html", {"said": sheet_text(made, phone.language, phone.console.pages.zone)})


@cache
def _words_of(language: Language, msgid: str) -> str:
    """A reason in the words of who gave it: it stands in the timeline as if he had written it."""
    return translations(language).gettext(msgid)


def _shut(request: Request, console: Console, door: Door) -> HTMLResponse:
    values = {"path": "/", "token": "", "door": DOORS[door]}
    return HTMLResponse(console.pages.render("phone_door.html", _language(request, None), values), status_code=410)


def _language(request: Request, link: Link | None) -> Language:
    """What he chose on this phone, else what the centre has on file, else the phone's own."""
    on_file = None if link is None else link.language
    chosen = language_named(request.cookies.get(LANGUAGE_COOKIE)) or language_named(on_file)
    return chosen or preferred(request.headers.get("accept-language", ""))
