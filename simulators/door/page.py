"""The front door over HTTP. Everything is a plain form; a little script keeps the picture of the play fresh."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined

from shouwang.errors import ShouwangError
from simulators.acts import Act, Acts
from simulators.door.scene import STEPS, Scene
from simulators.door.seats import SEATS, Seats

LANGUAGES = ("zh", "en")
_STATIC = Path(__file__).parent / "static"
_SAFE = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def create_door(scene: Scene, acts: Acts, seats: Seats, *, language: str) -> FastAPI:
    """The page. `language`: what it speaks to whoever has not chosen."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=_STATIC))
    templates = Environment(
        loader=PackageLoader("simulators.door"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def page(name: str, request: Request, problem: str = "") -> HTMLResponse:
        spoken = _language(request, language)
        values = {
            "scene": scene,
            "Act": Act,
            "seats": SEATS,
            "steps": STEPS,
            "language": spoken,
            "say": _says(spoken),
            "problem": problem,
        }
        return HTMLResponse(templates.get_template(name).render(values), headers=_SAFE)

    @app.get("/")
    def welcome(request: Request) -> HTMLResponse:
        return page("welcome.html", request)

    @app.get("/now")
    def now(request: Request) -> HTMLResponse:
        return page("now.html", request)

    @app.post("/act/{act}")
    def begin(act: Act, request: Request) -> Response:
        _check(request)
        acts.begin(act)
        return RedirectResponse("/#now", status_code=303)

    @app.post("/seat/{host}")
    async def enter(host: str, request: Request) -> Response:
        _check(request)
        if host not in SEATS:
            raise HTTPException(404)
        try:
            return RedirectResponse(await seats.enter(SEATS[host]), status_code=303)
        except ShouwangError as failed:
            scene.went_wrong(str(failed))
            return page("welcome.html", request, problem=str(failed))

    @app.post("/language")
    def choose(request: Request, chosen: Annotated[str, Form(alias="language")]) -> Response:
        _check(request)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie("door-language", chosen if chosen in LANGUAGES else language, samesite="strict")
        return answer

    @app.get("/healthz")
    def health() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    return app


def _language(request: Request, usual: str) -> str:
    chosen = request.cookies.get("door-language")
    return chosen if chosen in LANGUAGES else usual


def _check(request: Request) -> None:
    """No other site may press our buttons. Raises HTTPException."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403)


def _says(language: str) -> Callable[[str, str], str]:
    return lambda zh, en: zh if language == "zh" else en
