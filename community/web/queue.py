"""The queue of open cases, the strip that warns on every other page, and the closed cases."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from community.rights import Right, holds
from community.web.console import Reader, SignedIn, Wired, language_of

router = APIRouter()


@router.get("/")
async def home(shift: SignedIn) -> RedirectResponse:
    """Where a user of this role begins."""
    return RedirectResponse("/queue" if holds(shift.user, Right.READ_QUEUE) else "/gateways", status_code=303)


@router.get("/queue")
async def queue(
    request: Request,
    console: Wired,
    shift: Reader,
    part: Literal["page", "live"] = "page",
    find: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """The page, or only what changes on it by itself, which scripts put in place. `find`: in names and addresses."""
    if part == "page":
        storms = await console.desk_of(shift).storms()
        return await console.page(request, "queue.html", shift, storms=storms, find=find)
    seq = await console.desk.last_seq()
    values = {
        "shift": shift,
        "strip": await console.desk_of(shift).queue(),
        "storms": await console.desk_of(shift).storms(),
        "find": find,
        "seq": seq,
        "names": await console.accounts.names(),
    }
    return HTMLResponse(console.pages.render("_live.html", language_of(request, shift), values))


@router.get("/closed")
async def closed(request: Request, console: Wired, shift: Reader) -> HTMLResponse:
    """The cases closed last."""
    return await console.page(request, "closed.html", shift, rows=await console.desk_of(shift).closed())
