"""The console, wired: routes, guard, assets, and failures in plain words."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from community.accounts import Accounts
from community.desk import Desk
from community.dispatch_room import DispatchRoom
from community.fhir.records import Records
from community.kpi_desk import KpiDesk
from community.map_room import MapRoom
from community.metrics import Metrics
from community.passkey_room import PasskeyRoom
from community.programs import Programs
from community.rights import Refused as NotAllowed
from community.sign_on import SignOn
from community.sms_inlet import SmsInlet
from community.web import (
    access,
    account,
    admin,
    admin_catalogues,
    admin_files,
    admin_places,
    admin_policies,
    admin_rosters,
    admin_users,
    answers,
    assets,
    care,
    events,
    family,
    fhir,
    gateways,
    incident,
    inlet,
    kpi,
    metrics,
    passkeys,
    plan,
    queue,
    register,
    register_home,
    register_leaving,
    register_person,
    register_proposals,
    reports,
    requests,
    residents,
    responder,
    rings,
    screens,
    script,
    sending,
    session,
    shifts,
    sign_on,
    storm,
    street_map,
    supervision,
    trace,
    wall,
)
from community.web.api import MOUNTED_AT, create_api
from community.web.api_problem import problem
from community.web.console import Console, NotSignedIn, Refused, Wired, console_of, is_script, language_of
from community.web.guard import Guard, without_link
from community.web.pages import Pages
from community.web.rooms import rooms as by_type
from community.web.senders import sender_of
from community.web.words import marked
from shouwang.errors import IllegalMove, ShouwangError, TryLater

_OVERSIGHT = (plan, street_map, wall, supervision, reports, trace, rings)
_GETTING_IN = (passkeys, account, screens)
_REGISTER = (register, register_person, register_proposals, register_home, register_leaving)
_ADMINISTRATION = (admin, admin_users, admin_policies, admin_files, admin_rosters, admin_places, admin_catalogues)
HEALTH_TIMEOUT_S = 2.0
_log = logging.getLogger(__name__)

_SENTENCES = {
    400: marked("The server could not read this request."),
    404: marked("There is no such page or case."),
    405: marked("This address cannot be used that way."),
    409: marked("The case does not allow this now. Nothing has been changed."),
    422: marked("Something is missing or too long in what you entered. Nothing has been changed."),
    500: marked("The server made a mistake. It is in the log. Try again; if it stays, call the technician."),
    503: marked("The server is busy. Nothing has been changed. Try again in a moment."),
}


def create_app(
    desk: Desk,
    accounts: Accounts,
    *,
    name: str,
    clock: Callable[[], datetime],
    secure_cookies: bool,
    zone: tzinfo | None = None,
    sms_inlet: SmsInlet | None = None,
    dispatch: DispatchRoom | None = None,
    records: Records | None = None,
    programs: Programs | None = None,
    figures: KpiDesk | None = None,
    gauges: Metrics | None = None,
    rooms: Iterable[object] = (),
) -> FastAPI:
    """The console of the centre called `name`. Times are shown in `zone`, None for the server's own.

    `rooms`: what stands behind its other pages (community.web.rooms).
    `app.state.console.closing` must be set when the server goes down, or it waits for browsers that never leave.
    """
    app = FastAPI(title=name, docs_url=None, redoc_url=None, openapi_url=None)
    static = assets.address()
    pages = Pages(clock=clock, zone=zone, name=name, static=static)
    app.state.console = Console(desk=desk, accounts=accounts, pages=pages, clock=clock, secure_cookies=secure_cookies)
    app.state.rooms = _offered(by_type(rooms), pages)
    app.state.sms_inlet, app.state.dispatch, app.state.records = sms_inlet, dispatch, records
    app.state.kpi, app.state.metrics = figures, gauges
    app.mount(static, assets.Assets(directory=assets.folder()))
    at_the_desk = (session, queue, storm, access, script, incident, gateways, events, responder, sending, shifts, kpi)
    others = (sign_on, requests, residents, care, family, inlet, answers, fhir, metrics)
    for noun in (*_REGISTER, *_OVERSIGHT, *_GETTING_IN, *at_the_desk, *_ADMINISTRATION, *others):
        app.include_router(noun.router)
    app.state.programs = programs
    if programs is not None:
        app.mount(MOUNTED_AT, create_api(programs, name=name))
    app.add_api_route("/healthz", _health, methods=["GET"])
    _answer_failures(app)
    app.add_middleware(Guard, secure=secure_cookies, sender_of=sender_of, images=_host_of_pictures(app.state.rooms))
    return app


def _host_of_pictures(rooms: dict[type, object]) -> str:
    """The other host that the settings of the street map name; empty: no request leaves the server."""
    return next((room.base.outside for room in rooms.values() if isinstance(room, MapRoom)), "")


def _offered(rooms: dict[type, object], pages: Pages) -> dict[type, object]:
    """The rooms; where a provider of identities or passkeys are among them, the login page has a button for them."""
    for room in rooms.values():
        if isinstance(room, SignOn):
            pages.offer_provider(room.name)
        if isinstance(room, PasskeyRoom):
            pages.offer_passkeys()
    return rooms


def _answer_failures(app: FastAPI) -> None:
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotAllowed, _refused)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _bad_form)
    app.add_exception_handler(ShouwangError, _failure)
    app.add_exception_handler(Exception, _mistake)


async def _health(console: Wired) -> Response:
    """200 where the desk answers, else 503."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await console.desk.last_seq()
    except (TimeoutError, ShouwangError):
        return PlainTextResponse("the desk does not answer\n", status_code=503)
    return PlainTextResponse("ok\n")


async def _not_signed_in(request: Request, _: Exception) -> Response:
    """People go to the login page; scripts are told, so that they can warn on the page that is open."""
    if is_script(request):
        return PlainTextResponse("401\n", status_code=401, headers={"hx-redirect": "/login"})
    if request.method != "GET":
        return RedirectResponse("/login", status_code=303)
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?{urlencode({'next': address})}", status_code=303)


async def _refused(request: Request, error: Exception) -> Response:
    return await _message(request, 403, str(error))


async def _http_problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.scope["path"].startswith(MOUNTED_AT):  # of an address that the API itself did not recognise as its own
        return problem(status)
    return await _message(request, status, _SENTENCES.get(status, _SENTENCES[400]))


async def _bad_form(request: Request, _: Exception) -> Response:
    return await _message(request, 422, _SENTENCES[422])


async def _failure(request: Request, error: Exception) -> Response:
    _log.warning("%s %s: %s", request.method, without_link(request.url.path), error)
    status = 409 if isinstance(error, IllegalMove) else 503 if isinstance(error, TryLater) else 500
    return await _message(request, status, _SENTENCES[status])


async def _mistake(request: Request, _: Exception) -> Response:
    """Starlette logs the traceback after this."""
    return await _message(request, 500, _SENTENCES[500])


async def _message(request: Request, status: int, msgid: str) -> HTMLResponse:
    """A page of one sentence. It asks nothing of the database: that may be what has failed."""
    console = console_of(request)
    values = {"shift": None, "path": request.url.path, "seq": 0, "strip": (), "status": status, "sentence": msgid}
    return HTMLResponse(console.pages.render("message.html", language_of(request, None), values), status_code=status)
