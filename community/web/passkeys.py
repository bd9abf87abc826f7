"""What the script of passkeys asks and tells: a challenge for this browser, and what a device has signed."""

import logging
import math
from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from community.accounts import MAX_PASSWORD
from community.casefile import NotNow
from community.passkey_room import CHALLENGE_LASTS, Asked, AskedTooOften, PasskeyRoom, Words
from community.passkeys import NotThisKey
from community.web.account import Own
from community.web.admin_parts import AdminForm
from community.web.console import Console, Wired, Worker, check_form
from community.web.incident import IncidentId
from community.web.rooms import room_of
from community.web.session import keep_session, local
from shouwang.errors import IllegalMove, TryLater

router = APIRouter()
Room = Annotated[PasskeyRoom, Depends(room_of(PasskeyRoom))]
_log = logging.getLogger(__name__)

_Answer = Annotated[str, Field(max_length=16_384)]
"""What the device says, as JSON; a key with the certificates of its maker is the largest."""
_Csrf = Annotated[str, Field(max_length=128)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogIn(_Told):
    """What a device has signed for a log-in. It needs no token: there is no session yet."""

    answer: _Answer
    next: Annotated[str, Field(max_length=200)] = "/"


class Wish(_Told):
    """Somebody who is here asks for a challenge."""

    csrf: _Csrf


class Proof(_Told):
    """What his device has signed, to prove anew who he is."""

    csrf: _Csrf
    answer: _Answer


class SecondWish(Wish):
    """Somebody asks for the word of this colleague, who stands beside him."""

    second: Annotated[str, Field(min_length=1, max_length=64)]


class SecondWord(SecondWish):
    """What the colleague's device has signed."""

    answer: _Answer


class KeyWish(Wish):
    """He wants a new key; with a password or a code where his last proof is older."""

    proof: Annotated[str, Field(max_length=MAX_PASSWORD)] = ""


class NewKey(Proof):
    """A key that was made, and what he calls it."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


@router.post("/login/passkey/ask")
async def ask_log_in(request: Request, console: Wired, room: Room) -> Response:
    """For somebody who has not said who he is."""
    try:
        return await _challenge(console, room.ask_log_in(client=_client(request)))
    except TryLater:
        return _problem(503, "busy")


@router.post("/login/passkey")
async def log_in(request: Request, console: Wired, room: Room, told: LogIn) -> Response:
    """Begin a shift: the key, and the finger or code that its device asked for, are both factors."""
    word = request.cookies.get(_cookie(console), "")
    try:
        shift = await room.log_in(word, told.answer, client=_client(request))
    except TryLater:
        return _problem(503, "busy")
    if shift is None:
        return _without_word(_problem(401, "refused"), console)
    response = JSONResponse({"next": local(told.next)})
    keep_session(response, console, shift)
    return _without_word(response, console)


@router.post("/account/prove/ask")
async def ask_proof(visit: Own, room: Room, told: Wish) -> Response:
    """For a proof by one of his own keys."""
    check_form(visit.shift, told.csrf)
    return await _challenge(visit.console, room.ask_proof(visit.user))


@router.post("/account/prove")
async def prove(visit: Own, room: Room, told: Proof) -> Response:
    """He has proved anew who he is; the form that needed it goes on."""
    check_form(visit.shift, told.csrf)
    word = visit.request.cookies.get(_cookie(visit.console), "")
    is_he = await room.prove(visit.shift, word, told.answer, client=visit.client)
    return _without_word(JSONResponse({}) if is_he else _problem(401, "refused"), visit.console)


@router.post("/account/passkeys/ask")
async def ask_key(visit: Own, room: Room, told: KeyWish) -> Response:
    """For a new key, of who has proved of late who he is."""
    try:
        await visit.check(AdminForm(csrf=told.csrf, proof=told.proof))
    except NotNow:
        return _problem(401, "proof")
    except TryLater:
        return _problem(503, "busy")
    try:
        return await _challenge(visit.console, room.ask_key(visit.user))
    except NotNow:
        return _problem(409, "many")


@router.post("/account/passkeys")
async def make(visit: Own, room: Room, told: NewKey) -> Response:
    """Keep a new key."""
    check_form(visit.shift, told.csrf)
    if not visit.shift.is_proved(visit.console.clock()):
        return _problem(401, "proof")
    word = visit.request.cookies.get(_cookie(visit.console), "")
    try:
        await room.make(visit.shift, word, told.answer, name=told.name)
    except (NotThisKey, IllegalMove) as error:
        _log.warning("%s", error)
        return _without_word(_problem(409, "refused"), visit.console)
    return _without_word(JSONResponse({"next": "/account?done=key"}), visit.console)


@router.post("/incidents/{incident_id}/second/ask")
async def ask_second(console: Wired, shift: Worker, room: Room, incident_id: IncidentId, told: SecondWish) -> Response:
    """For the word of a colleague at this screen, by one of his keys."""
    check_form(shift, told.csrf)
    try:
        return await _challenge(console, room.ask_second(shift, told.second))
    except NotThisKey as error:
        _log.info("case %s: %s", incident_id, error)
        return _problem(409, "keyless")


@router.post("/incidents/{incident_id}/second")
async def second(
    request: Request, console: Wired, shift: Worker, room: Room, *, incident_id: IncidentId, told: SecondWord
) -> Response:
    """The colleague's key has signed: the word that stands for his password, for this case and once."""
    check_form(shift, told.csrf)
    words = Words(cookie=request.cookies.get(_cookie(console), ""), answer=told.answer, client=_client(request))
    try:
        given = await room.second(shift, incident_id, told.second, words)
    except TryLater:
        return _problem(503, "busy")
    except NotThisKey as error:
        _log.warning("case %s: %s", incident_id, error)
        return _without_word(_problem(401, "refused"), console)
    return _without_word(JSONResponse({"proof": given}), console)


async def _challenge(console: Console, asking: Awaitable[Asked]) -> Response:
    """What the script asked for, or how long it must wait. Raises all else that `asking` raises."""
    try:
        asked = await asking
    except AskedTooOften as error:
        return _too_often(error)
    response = Response(asked.options, media_type="application/json")
    response.set_cookie(
        _cookie(console),
        asked.word,
        max_age=int(CHALLENGE_LASTS.total_seconds()),
        secure=console.secure_cookies,
        httponly=True,
        samesite="strict",
    )
    return response


def _without_word(response: Response, console: Console) -> Response:
    """What this browser was asked is answered."""
    response.delete_cookie(_cookie(console), secure=console.secure_cookies, httponly=True, samesite="strict")
    return response


def _problem(status: int, word: str) -> Response:
    """A word for which the page has a sentence."""
    return JSONResponse({"problem": word}, status_code=status)


def _too_often(error: AskedTooOften) -> Response:
    answer = _problem(429, "often")
    answer.headers["retry-after"] = str(math.ceil(error.wait_s))
    return answer


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _cookie(console: Console) -> str:
    return "__Host-passkey" if console.secure_cookies else "passkey"
