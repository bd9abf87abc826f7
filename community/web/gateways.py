"""The homes' gateways: which are heard, which sensors are not."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from community.web.console import SignedIn, Wired

router = APIRouter()


@router.get("/gateways")
async def gateways(request: Request, console: Wired, shift: SignedIn) -> HTMLResponse:
    """All of them, those not heard first."""
    return await console.page(request, "gateways.html", shift, rows=await console.desk.gateways())
