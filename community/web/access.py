"""What is not for everybody's eyes: key-safe codes, medical cards opened with a reason, and who looks at that."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field, StringConstraints

from community.accounts import MAX_PASSWORD, Shift
from community.rights import Right, holds
from community.users import Role
from community.web.admin_parts import Visit
from community.web.console import Console, Refused, SignedIn, Wired, Worker, check_form
from community.web.forms import PlainForm
from community.web.incident import IncidentId, show
from community.web.words import marked
from shouwang.errors import IllegalMove

router = APIRouter()

CODE_SHOWN_S = 60
"""So long a key-safe code stays on a screen: long enough to read it out twice, too short for who passes by later."""
_WRONG = marked("That was not right. Try again.")
_NO_CODE = marked("There is no code for this case: it is over, or this home has no key-safe on file.")


class Proof(PlainForm):
    """The button that shows a code; with a proof of who presses it, where his last one is older."""

    proof: Annotated[str, Field(max_length=MAX_PASSWORD), StringConstraints(strip_whitespace=False)] = ""


class Reason(PlainForm):
    """Why somebody must see the medical card of a home without an open case."""

    reason: Annotated[str, Field(min_length=4, max_length=400)]


async def overseer(shift: SignedIn) -> Shift:
    """Who asks, if he may see who looked. Raises Refused."""
    return _holding(shift, Right.READ_ACCESS)


async def reviewer(shift: SignedIn) -> Shift:
    """Who asks, if it is his to look at broken glass. Raises Refused."""
    return _holding(shift, Right.REVIEW_ACCESS)


def _holding(shift: Shift, right: Right) -> Shift:
    # a family member has this right over his own elder's page alone, and that is not here
    if shift.user.role is Role.FAMILY or not holds(shift.user, right):
        raise Refused("Your role may not see this.")
    return shift


Overseer = Annotated[Shift, Depends(overseer)]
Reviewer = Annotated[Shift, Depends(reviewer)]


@router.get("/incidents/{incident_id}/key-safe")
async def key_safe(request: Request, console: Wired, shift: Worker, incident_id: IncidentId) -> HTMLResponse:
    """A button. Opening the address alone shows nothing."""
    return await _key_safe(request, console, shift, incident_id)


@router.post("/incidents/{incident_id}/key-safe/code")
async def key_safe_code(
    request: Request, console: Wired, shift: Worker, incident_id: IncidentId, form: Annotated[Proof, Form()]
) -> Response:
    """The code, once; written down."""
    check_form(shift, form.csrf)
    now = console.clock()
    if not shift.is_proved(now):
        client = request.client.host if request.client else ""
        if not await console.accounts.prove(shift, form.proof, client=client, now=now):
            return await _key_safe(request, console, shift, incident_id, problem=_WRONG)
    try:
        code = await console.desk_of(shift).key_safe(incident_id)
    except IllegalMove:
        return await _key_safe(request, console, shift, incident_id, problem=_NO_CODE)
    return await _key_safe(request, console, shift, incident_id, code=code)


@router.post("/incidents/{incident_id}/look")
async def look(
    request: Request, console: Wired, shift: Worker, incident_id: IncidentId, form: Annotated[Reason, Form()]
) -> Response:
    """The case with its medical card, for a reason; supervisors are told."""
    check_form(shift, form.csrf)
    return await show(request, console, shift, incident_id, why=form.reason)


@router.get("/access")
async def broken_glass(request: Request, console: Wired, shift: Overseer) -> HTMLResponse:
    """What only a reason opened."""
    values: dict[str, object] = {
        "rows": await console.desk_of(shift).broken_glass(),
        "may_review": holds(shift.user, Right.REVIEW_ACCESS),
    }
    return await console.page(request, "glass.html", shift, status=200, **values)


@router.post("/access/{access_id}/review")
async def review(
    console: Wired, shift: Reviewer, access_id: Annotated[int, Path(ge=1, le=2**62)], form: Annotated[PlainForm, Form()]
) -> Response:
    """A supervisor has looked at it."""
    check_form(shift, form.csrf)
    await console.desk_of(shift).review(access_id)
    return RedirectResponse("/access", status_code=303)


async def _key_safe(
    request: Request, console: Console, shift: Shift, incident_id: int, /, *, problem: str = "", code: str = ""
) -> HTMLResponse:
    is_proved = shift.is_proved(console.clock())
    values: dict[str, object] = {
        "incident_id": incident_id,
        "problem": problem,
        "code": code,
        "shown_s": CODE_SHOWN_S,
        "is_proved": is_proved,
        "has_passkey": not is_proved and bool(await Visit(request, console, shift).keys()),
    }
    return await console.page(request, "key_safe.html", shift, status=200, **values)
