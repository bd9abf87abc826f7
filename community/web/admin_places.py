"""The tree of places: looked through a step at a time, a place renamed, a grid or community moved."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community.place_room import PlaceRoom, standing
from community.web.admin_parts import AdminForm, DeviceSetter, SettingsReader, Visit
from community.web.refusals import in_words
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
Room = Annotated[PlaceRoom, Depends(room_of(PlaceRoom))]
_Id = Annotated[str, Query(max_length=160)]


class PlaceForm(AdminForm):
    """Which place."""

    at: Annotated[str, Field(min_length=1, max_length=160)]


class NameForm(PlaceForm):
    """What it is to be called."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class MoveForm(PlaceForm):
    """Where it is to stand."""

    within: Annotated[str, Field(min_length=1, max_length=160)]


@router.get("/admin/places")
async def places(
    visit: SettingsReader, room: Room, at: _Id = "", after: _Id = "", q: Annotated[str, Query(max_length=100)] = ""
) -> HTMLResponse:
    """What stands in a place; with `q` the places that are called so."""
    if q.strip():
        rows, has_more = await room.found(q.strip())
        return await visit.page("admin_places.html", q=q.strip(), found=rows, has_more=has_more, tree=None)
    return await _page(visit, room, at, after=after)


@router.post("/admin/places/name")
async def rename(visit: DeviceSetter, room: Room, form: Annotated[NameForm, Form()]) -> Response:
    """Another name."""
    try:
        await visit.check(form)
        await room.rename(visit.user, form.at, form.name, seen=form.seen)
    except (IllegalMove, ConfigError) as error:
        return await _page(visit, room, form.at, problem=in_words(error))
    return _to(form.at)


@router.post("/admin/places/within")
async def move(visit: DeviceSetter, room: Room, form: Annotated[MoveForm, Form()]) -> Response:
    """Into another place."""
    try:
        await visit.check(form)
        await room.move(visit.user, form.at, form.within, seen=form.seen)
    except (IllegalMove, ConfigError) as error:
        return await _page(visit, room, form.at, problem=in_words(error))
    return _to(form.at)


def _to(place_id: str) -> RedirectResponse:
    return RedirectResponse(f"/admin/places?{urlencode({'at': place_id})}", status_code=303)


async def _page(
    visit: Visit, room: PlaceRoom, at: str, *, after: str = "", problem: Sentence | None = None
) -> HTMLResponse:
    tree = await room.tree(at, after)
    if tree is None:
        raise HTTPException(404)
    stands = standing(tree.here) if tree.here is not None else ""
    return await visit.page("admin_places.html", problem=problem, tree=tree, stands=stands, q="")
