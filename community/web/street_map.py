"""The plan on a street map, where a centre has tiles: its page, and the tiles that this server has itself."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.map_room import MapRoom
from community.map_settings import DEEPEST
from community.web.console import Reader, Wired, language_of
from community.web.rooms import room_of

router = APIRouter()
Room = Annotated[MapRoom, Depends(room_of(MapRoom))]

KEPT_S = 24 * 3600
"""How long a browser keeps a tile: streets change slowly, and new tiles have a new address."""
MISSING_KEPT_S = 600
_MOST = (1 << DEEPEST) - 1
Zoom = Annotated[int, Path(ge=0, le=DEEPEST)]
Place = Annotated[int, Path(ge=0, le=_MOST)]


class Asked(BaseModel):
    """What of the map is asked for: all, or what lies below a place."""

    model_config = ConfigDict(frozen=True)

    at: Annotated[str, Field(max_length=200)] = ""
    part: Literal["page", "live"] = "page"

    @property
    def address(self) -> str:
        """Where the live part of the same is."""
        return "/plan/map?" + urlencode(({"at": self.at} if self.at else {}) | {"part": "live"})


@router.get("/plan/map")
async def street_map(
    request: Request, console: Wired, shift: Reader, room: Room, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """The map with its list, or only what changes on it by itself, which scripts put in place."""
    found = await room.overview(shift.user, asked.at)
    if found is None:
        raise HTTPException(404)
    if asked.part == "live":
        values = {"shown": found, "address": asked.address}
        return HTMLResponse(console.pages.render("_map.html", language_of(request, shift), values))
    return await console.page(request, "map.html", shift, shown=found, base=room.base, address=asked.address)


@router.get("/plan/tiles/{z}/{x}/{y}")
async def tile(request: Request, _: Reader, room: Room, z: Zoom, x: Place, y: Place) -> Response:
    """A tile; 204 where there is none, so that the map goes on without a word."""
    found = await room.tile(z, x, y)
    if found is None:
        return Response(status_code=204, headers={"cache-control": f"private, max-age={MISSING_KEPT_S}"})
    kept = {"cache-control": f"private, max-age={KEPT_S}", "etag": found.tag}
    if found.tag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=kept)
    return Response(found.body, media_type=found.kind, headers=kept)
