"""The front door over HTTP. Everything is a plain form; a little script keeps the picture of the play fresh."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined

from shouwang.errors import ShouwangError
from simulators.acts import Act, Acts
from simulators.door.scene import Scene
from simulators.door.seats import SEATS, Seats

LANGUAGES = ("zh", "en")
_COOKIE = "door-language"
_ZONE = ZoneInfo("Asia/Shanghai")
"""Of the centre that is shown: both windows tell the same time, wherever the computer stands."""
_STATIC = Path(__file__).parent / "static"
_SAFE = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def create_door(scene: Scene, acts: Acts, seats: Seats, *, language: str) -> FastAPI:
    """The page. `language`: what the home speaks, and the page to whoever speaks none of its languages."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=_STATIC))
    door = _Door(scene, acts, seats, language)
    for address, answer in (("/", door.welcome), ("/now", door.now), ("/healthz", _health)):
        app.add_api_route(address, answer, methods=["GET"], response_model=None)
    for address, order in (("/act/{act}", door.begin), ("/seat/{host}", door.enter), ("/language", door.choose)):
        app.add_api_route(address, order, methods=["POST"], response_model=None, dependencies=[Depends(_check)])
    return app


class _Door:
    """What the page says and does; on the loop, where the play runs too."""

    def __init__(self, scene: Scene, acts: Acts, seats: Seats, language: str) -> None:
        self._scene, self._acts, self._seats, self._usual = scene, acts, seats, language
        self._templates = Environment(
            loader=PackageLoader("simulators.door"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["zone"] = _ZONE

    async def welcome(self, request: Request) -> HTMLResponse:
        return self._page("welcome.html", request)

    async def now(self, request: Request) -> HTMLResponse:
        return self._page("now.html", request)

    async def begin(self, act: Act) -> Response:
        self._acts.begin(act)
        return RedirectResponse("/#now", status_code=303)

    async def enter(self, host: str, request: Request) -> Response:
        if host not in SEATS:
            raise HTTPException(404)
        try:
            return RedirectResponse(await self._seats.enter(SEATS[host], self._language(request)), status_code=303)
        except ShouwangError as failed:
            self._scene.went_wrong(str(failed))
            return self._page("welcome.html", request, problem=str(failed))

    async def choose(self, chosen: Annotated[str, Form(alias="language")]) -> Response:
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(_COOKIE, chosen if chosen in LANGUAGES else self._usual, samesite="strict")
        return answer

    def _page(self, name: str, request: Request, problem: str = "") -> HTMLResponse:
        language = self._language(request)
        values = {"scene": self._scene, "say": _says(language), "problem": problem}
        values["is_foreign"] = language != self._usual  # the home speaks the usual one
        return HTMLResponse(self._templates.get_template(name).render(values), headers=_SAFE)

    def _language(self, request: Request) -> str:
        """What was chosen, else what the browser speaks, else the usual one."""
        chosen = request.cookies.get(_COOKIE, "")
        spoken = (tag.strip()[:2].lower() for tag in request.headers.get("accept-language", "").split(","))
        return next((language for language in (chosen, *spoken) if language in LANGUAGES), self._usual)


async def _health() -> PlainTextResponse:
    return PlainTextResponse("ok\n")


async def _check(request: Request) -> None:
    """No other site may press our buttons. Raises HTTPException."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403)


def _says(language: str) -> Callable[[str, str], str]:
    return lambda zh, en: zh if language == "zh" else en
