"""The queue of open cases, the strip that warns on every other page, and the closed cases."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from community.web.console import Reader, SignedIn, Wired, language_of

router = APIRouter()


@router.get("/")
async def home(shift: SignedIn) -> RedirectResponse:
    """Where a user of this role begins."""
    return RedirectResponse("/queue" if shift.user.role.may_read_cases else "/gateways", status_code=303)


@router.get("/queue")
async def queue(
    request: Request, console: Wired, shift: Reader, part: Literal["page", "live"] = "page"
) -> HTMLResponse:
    """The page, or only what changes on it by itself, which scripts put in place."""
    if part == "page":
        return await console.page(request, "queue.html", shift)
    seq = await console.desk.last_seq()
    values = {"shift": shift, "strip": await console.desk.queue(), "seq": seq, "names": await console.accounts.names()}
    return HTMLResponse(console.pages.render("_live.html", language_of(request, shift), values))


@router.get("/closed")
async def closed(request: Request, console: Wired, shift: Reader) -> HTMLResponse:
    """The cases closed last."""
    return await console.page(request, "closed.html", shift, rows=await console.desk.closed())
