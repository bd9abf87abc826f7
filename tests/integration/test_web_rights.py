"""Every address of the server, for every role, over HTTP: an address that stands in nobody's matrix fails here."""

import re
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from starlette.routing import BaseRoute, Mount, Route

from community import totp
from community.programs import Programs
from community.registry_sealing import Safe
from community.rights import Ground
from community.screen_room import ScreenRoom
from community.staff import Staff, TokenWish
from community.store import people_access, people_key_safes
from community.store.people_schema import home_register, places
from community.tokens import Scope
from community.users import EVERYWHERE, Role, User
from community.web import grounds
from community.web.app import create_app
from shouwang.alert import Severity
from shouwang.errors import IllegalMove

LETTERS = {
    "o": "operator",
    "s": "supervisor",
    "r": "responder",
    "f": "family",
    "a": "auditor",
    "d": "admin",
    "g": "regulator",
}

# Who gets in: letters of roles; `all`: whoever is signed in; `open`: needs no session (or a proof of its own);
# `fhir`: by right and consent, see test_web_fhir.py.
TABLE = """
GET  /login                                     open
POST /login                                     open
GET  /login/once/{token}                        open
POST /login/once/{token}                        open
GET  /login/oidc                                open
GET  /login/oidc/callback                       open
GET  /healthz                                   open
GET  /metrics                                   open
POST /login/passkey/ask                         open
POST /login/passkey                             open
GET  /screen                                    open
POST /screen                                    open
POST /inlet/sms                                 open
POST /inlet/answer                              open
GET  /inlet/delivery                            open
POST /inlet/delivery                            open
GET  /r/{token}                                 open
POST /r/{token}                                 open
POST /r/{token}/order                           open
POST /r/{token}/report                          open
POST /r/{token}/key-safe                        open
GET  /r/{token}/sheet                           open
GET  /api/v1/openapi.json                       open
GET  /api/v1/docs                               open
GET  /                                          all
POST /logout                                    all
GET  /account                                   all
POST /account/password                          all
POST /account/app/new                           all
POST /account/app                               all
POST /account/sessions/end                      all
POST /account/prove/ask                         all
POST /account/prove                             all
POST /account/passkeys/ask                      all
POST /account/passkeys                          all
POST /account/passkeys/{passkey_id}/remove      all
POST /language                                  open
GET  /queue                                     osag
GET  /closed                                    osag
GET  /events                                    osag
GET  /incidents/{incident_id}                   osag
GET  /incidents/{incident_id}/calls             osag
GET  /incidents/{incident_id}/vitals            os
GET  /incidents/{incident_id}/preview           osag
GET  /incidents/{incident_id}/trace             osag
GET  /incidents/{incident_id}/trace.csv         sa
GET  /incidents/{incident_id}/trace.json        sa
POST /incidents/{incident_id}/script            os
GET  /storms/{storm_id}                         osag
POST /storms/{storm_id}/release                 s
GET  /incidents/{incident_id}/send              osag
POST /incidents/{incident_id}/{command}         os
POST /incidents/{incident_id}/send/order        os
POST /incidents/{incident_id}/send/units        os
POST /incidents/{incident_id}/send/units/{answer} os
POST /incidents/{incident_id}/look              os
POST /incidents/{incident_id}/second/ask        os
POST /incidents/{incident_id}/second            os
GET  /incidents/{incident_id}/key-safe          os
POST /incidents/{incident_id}/key-safe/code     os
GET  /incidents/{incident_id}/sheet             os
GET  /incidents/{incident_id}/sheet.txt         os
GET  /incidents/{incident_id}/photos/{photo_id} os
GET  /access                                    sag
POST /access/{access_id}/review                 s
GET  /gateways                                  osadg
GET  /gateways.csv                              sad
GET  /sensors                                   osadg
GET  /sensors.csv                               sad
POST /gateways/tests                            os
POST /gateways/tests/{round_id}/stop            os
GET  /gateways/{gateway_id}                     osadg
POST /gateways/{gateway_id}/mode                os
POST /gateways/{gateway_id}/test                os
GET  /shifts                                    osag
GET  /shifts/{which}/report                     osag
GET  /shifts/{which}/report.pdf                 osag
GET  /requests/new                              os
POST /requests/new                              os
POST /shifts/offer                              os
POST /shifts/sign                               os
POST /shifts/withdraw                           os
POST /shifts/settle                             os
POST /rings                                     os
GET  /kpi                                       osadg
GET  /kpi/wall                                  osadg
GET  /wall                                      osadg
GET  /wall/events                               osadg
GET  /plan                                      osag
GET  /plan/map                                  osag
GET  /plan/tiles/{z}/{x}/{y}                    osag
GET  /kpi/{month}.csv                           osadg
GET  /kpi/{month}                               osadg
GET  /kpi/{month}/cases                         osadg
GET  /kpi/{month}/scores                        sag
POST /kpi/cards/{card_id}/excuse                s
GET  /reports                                   osadg
GET  /reports/{period}.csv                      osadg
GET  /reports/{period}.pdf                      osadg
GET  /reports/{period}                          osadg
GET  /supervision                               sag
GET  /supervision/agenda                        sag
GET  /supervision/agenda.pdf                    sag
POST /supervision/cases/{incident_id}/decision  s
POST /supervision/decisions/{decision_id}/settle s
GET  /supervision/sample/{month}                sag
GET  /supervision/sample/{month}/{incident_id}/{handler} sag
POST /supervision/sample/{month}/{incident_id}/{handler} s
GET  /reviews                                   os
POST /reviews/{review_id}/read                  os
GET  /improvements                              sag
POST /improvements/{item_id}/plan               s
POST /improvements/{item_id}/do                 s
POST /improvements/{item_id}/check              s
POST /improvements/{item_id}/act                s
GET  /residents                                 osa
GET  /residents/{resident_id}                   osa
GET  /care                                      s
GET  /care.csv                                  s
GET  /residents/{resident_id}/care/{kept}       s
POST /residents/{resident_id}/care/{kept}       s
POST /residents/{resident_id}/care/{kept}/remove s
POST /residents/{resident_id}/look              os
GET  /residents/{resident_id}/photo             os
GET  /residents/{resident_id}/keep              os
GET  /residents/{resident_id}/keep/new-contact  os
POST /residents/{resident_id}/keep/new-contact  os
GET  /residents/{resident_id}/keep/contacts/{contact_id} os
POST /residents/{resident_id}/keep/contacts/{contact_id} os
POST /residents/{resident_id}/keep/contacts/{contact_id}/{deed} os
GET  /residents/{resident_id}/keep/contacts/{contact_id}/proposal os
POST /residents/{resident_id}/keep/contacts/{contact_id}/proposal/accept os
POST /residents/{resident_id}/keep/contacts/{contact_id}/proposal/refuse os
GET  /residents/{resident_id}/keep/person       os
POST /residents/{resident_id}/keep/person       os
POST /residents/{resident_id}/keep/reviewed     s
GET  /residents/{resident_id}/keep/consents     s
POST /residents/{resident_id}/keep/consents     s
GET  /residents/{resident_id}/keep/home         os
POST /residents/{resident_id}/keep/home         os
POST /residents/{resident_id}/keep/code         s
GET  /residents/{resident_id}/keep/photo        s
POST /residents/{resident_id}/keep/photo        s
POST /residents/{resident_id}/keep/no-photo     s
GET  /residents/{resident_id}/keep/move         s
POST /residents/{resident_id}/keep/move         s
GET  /residents/{resident_id}/keep/left         s
POST /residents/{resident_id}/keep/left         s
POST /residents/{resident_id}/keep/stays        s
GET  /residents/{resident_id}/history           osa
GET  /register/new                              s
POST /register/new                              s
GET  /family                                    f
POST /family/{resident_id}/going                f
POST /family/{resident_id}/mode                 f
POST /family/{resident_id}/request              f
POST /family/{resident_id}/number               f
POST /family/{resident_id}/number/withdraw      f
POST /family/{resident_id}/rating               f
GET  /family/{resident_id}/photo                f
GET  /admin                                     sagd
GET  /admin/users                               sagd
POST /admin/users                               d
GET  /admin/users/{login}                       sagd
POST /admin/users/{login}/rights                d
POST /admin/users/{login}/app                   d
POST /admin/users/{login}/passkeys/{passkey_id}/remove d
POST /admin/users/{login}/{deed}                d
GET  /admin/screens                             sagd
POST /admin/screens                             d
POST /admin/screens/{screen_id}/{deed}          d
GET  /admin/tokens                              sagd
POST /admin/tokens                              d
POST /admin/tokens/{token_id}/end               d
GET  /admin/changes                             sagd
GET  /admin/policies                            sagd
GET  /admin/policies/{name}                     sagd
POST /admin/policies/{name}                     sd
GET  /admin/policies/proposals/{policy_id}      sagd
POST /admin/policies/proposals/{policy_id}/approve d
POST /admin/policies/proposals/{policy_id}/refuse sd
GET  /admin/channels                            sagd
POST /admin/channels/{channel}/test             d
GET  /admin/scripts                             sagd
GET  /admin/catalogues                          sagd
GET  /admin/catalogues.csv                      sad
GET  /admin/safety                              sagd
POST /admin/safety/verify                       sagd
POST /admin/safety/backup                       d
POST /admin/safety/restore-check                sagd
POST /admin/safety/hold                         s
POST /admin/safety/let-go                       s
GET  /admin/files                               sagd
POST /admin/files                               d
POST /admin/files/confirm                       d
GET  /admin/rosters                             sagd
POST /admin/rosters/absences                    d
POST /admin/rosters/absences/{absence_id}/end   d
GET  /admin/places                              sagd
POST /admin/places/name                         d
POST /admin/places/within                       d
GET  /residents/{resident_id}/fhir              fhir
"""
# Tokens of programs have a test of their own for each scope (test_web_api.py).
OF_TOKENS = """
GET /cases, GET /cases/{case_id}, GET /cases/{case_id}/timeline, GET /cases/{case_id}/notices,
POST /cases/{case_id}/orders, GET /changes, GET /gateways, GET /kpis, GET /residents, GET /residents/{resident_id},
POST /requests, GET /requests/{tracking}, POST /requests/{tracking}/rating
"""
VALUES = {
    "kept": "plans",
    "token": "x" * 43,
    "incident_id": "1",
    "command": "ack",
    "answer": "accept",
    "photo_id": "x",
    "absence_id": "1",
    "access_id": "1",
    "storm_id": "1",
    "round_id": "1",
    "gateway_id": "gw-1",
    "month": "2026-11",
    "period": "2026-W47",
    "which": "now",
    "decision_id": "1",
    "handler": "zhang",
    "review_id": "1",
    "card_id": "1",
    "item_id": "1",
    "login": "zhang",
    "deed": "log-out",
    "token_id": "1",
    "passkey_id": "1",
    "screen_id": "1",
    "name": "emergency",
    "policy_id": "1",
    "channel": "sms",
    "resident_id": "resident-1",
    "contact_id": "c-1",
    "z": "14",
    "x": "1",
    "y": "1",
}


def addresses() -> list[tuple[str, str, str]]:
    rows = [tuple(line.split()) for line in TABLE.strip().splitlines()]
    of_tokens = [part.split() for part in OF_TOKENS.replace("\n", " ").split(",")]
    return [(method, path, who) for method, path, who in rows] + [
        (method, f"/api/v1{path}", "token") for method, path in of_tokens
    ]


def routes(found: "list[BaseRoute]", before: str = "") -> Iterator[tuple[str, str]]:
    for route in found:
        if isinstance(route, Mount):
            if route.path.startswith("/static/"):
                continue
            yield from routes(list(route.routes), before + route.path)
        elif isinstance(route, Route) or hasattr(route, "methods"):
            yield from ((method, before + route.path) for method in route.methods if method != "HEAD")
        else:  # a router as FastAPI keeps it
            yield from routes(route.original_router.routes, before)


def test_every_address_stands_in_the_matrix(centre_parts: tuple[object, object]) -> None:
    desk, accounts = centre_parts
    programs = Programs.__new__(Programs)
    app = create_app(desk, accounts, name="x", clock=lambda: None, secure_cookies=False, programs=programs)  # type: ignore[arg-type, return-value]
    there = set(routes(list(app.routes)))
    written = {(method, path) for method, path, _ in addresses()}
    assert there - written == set(), "nobody has said who may use these: add them to TABLE"
    assert written - there == set(), "these are no more"


@pytest.fixture
def centre_parts(centre: Centre) -> tuple[object, object]:
    return centre.desk, centre.accounts


CONSOLE = [(method, path, who) for method, path, who in addresses() if who not in {"open", "token", "fhir"}]


@pytest.fixture
async def case(centre: Centre) -> str:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"], allergies=["青霉素"])
    await centre.alarm(box, "sos", Severity.P1)
    return box


async def status(client: httpx.AsyncClient, method: str, path: str) -> int:
    address = re.sub(r"\{(\w+)\}", lambda found: VALUES[found[1]], path)
    query = {"reason": "an independent test"} if method == "GET" else {}
    async with client.stream(method, address, params=query) as answer:
        if answer.has_redirect_location and answer.headers["location"].startswith("/login"):
            return 401
        return answer.status_code


@pytest.mark.parametrize("role", LETTERS.values())
async def test_role_at_every_address(centre: Centre, console_url: str, case: str, role: str) -> None:
    await centre.user(role=role)
    letter = next(letter for letter, name in LETTERS.items() if name == role)
    wrong = []
    async with httpx.AsyncClient(base_url=console_url, timeout=60) as client:  # paper takes seconds where all is busy
        for method, path, who in CONSOLE:
            await client.post("/login", data={"login": "zhang", "password": PASSWORD})
            got = await status(client, method, path)
            may = who == "all" or letter in who
            if (got != 403) != may or got in {401, 500, 503}:
                wrong.append((method, path, who, got))
    assert wrong == []


async def test_stranger_is_sent_to_the_login_from_every_address(console_url: str) -> None:
    async with httpx.AsyncClient(base_url=console_url) as client:
        got = {(method, path): await status(client, method, path) for method, path, _ in CONSOLE}
    assert set(got.values()) == {401}, got


@pytest.mark.parametrize("name", ["screen", "shift"])
async def test_screen_on_the_wall_gets_in_nowhere_else(centre: Centre, console_url: str, case: str, name: str) -> None:
    """Its word as what it is, and as what a thief would take it for."""
    gao = User(user_id="u", login="gao", name="高远", role=Role.ADMIN, language="zh")
    room = ScreenRoom(centre.store, centre.accounts, clock=centre.clock, address="")
    _, code = await room.make(gao, "hall", EVERYWHERE, "zh")
    word = await room.pair(code, client="")
    for_walls = {("GET", "/wall"), ("GET", "/wall/events")} if name == "screen" else set()
    async with httpx.AsyncClient(base_url=console_url, cookies={name: word}, timeout=60) as client:
        got = {(method, path): await status(client, method, path) for method, path, _ in CONSOLE}
    assert {address for address, found in got.items() if found == 200} == for_walls
    assert {found for address, found in got.items() if address not in for_walls} == {401}


async def test_nobody_is_given_the_role_of_a_screen(centre: Centre) -> None:
    await centre.user()
    books = Staff(store=centre.store, by="root", clock=centre.clock)
    with pytest.raises(IllegalMove):
        await centre.user("wall", role="screen")
    with pytest.raises(IllegalMove):
        await books.set_role("zhang", Role.SCREEN)
    wish = TokenWish(name="x", role=Role.SCREEN, scopes=frozenset({Scope.KPIS_READ}), areas=EVERYWHERE)
    with pytest.raises(IllegalMove):
        await books.issue(wish)


# ---- the second factor, the key-safe and the broken glass at the console ----


async def browser(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, follow_redirects=True, headers={"accept-language": "en"})


async def sign_in(client: httpx.AsyncClient, login: str, **more: str) -> httpx.Response:
    return await client.post("/login", data={"login": login, "password": PASSWORD} | more)


def csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


async def test_log_in_asks_for_the_code_of_the_app(centre: Centre, console_url: str) -> None:
    await centre.user(role="supervisor", language="en")
    secret = await Staff(store=centre.store, by="root", clock=centre.clock).give_app("zhang")
    async with await browser(console_url) as client:
        asked = await sign_in(client, "zhang")
        assert asked.status_code == 401
        assert 'autocomplete="one-time-code"' in asked.text
        code = totp.code_at(secret, totp.step_at(centre.clock.now))
        assert (await sign_in(client, "zhang", code=code)).url.path == "/queue"


async def test_case_of_another_area_is_not_shown_and_does_not_ring(centre: Centre, console_url: str, case: str) -> None:
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    await centre.user(language="en")

    def put(connection: sa.Connection) -> None:
        row = {"place_id": "north", "parent_id": None, "level": "grid", "code": "n", "name": "n"}
        connection.execute(sa.insert(places).values(row))
        connection.execute(sa.delete(home_register))
        connection.execute(sa.insert(home_register).values(home_id="home-1", place_id="north"))

    await centre.store.write(put)
    for areas, is_seen in ((frozenset({"south"}), False), (frozenset({"north"}), True)):
        await staff.set_scope("zhang", areas=areas, organisations=EVERYWHERE)
        async with await browser(console_url) as client:
            page = await sign_in(client, "zhang")
            assert ("王桂兰" in page.text) is is_seen
            assert (await client.get("/incidents/1")).status_code == (200 if is_seen else 403)
            assert ("gw-1" in (await client.get("/gateways")).text) is is_seen
            data = {"csrf": csrf(page), "command_id": f"command-{is_seen}", "version": "1"}
            assert (await client.post("/incidents/1/ack", data=data)).status_code == (200 if is_seen else 403)


@pytest.mark.parametrize(
    ("role", "is_known", "is_shown"), [("auditor", True, False), ("regulator", False, False), ("operator", True, True)]
)
async def test_case_page_shows_health_to_who_may_see_it(
    centre: Centre, console_url: str, case: str, role: str, *, is_known: bool, is_shown: bool
) -> None:
    await centre.user(role=role, language="en")
    async with await browser(console_url) as client:
        await sign_in(client, "zhang")
        page = (await client.get("/incidents/1")).text
        assert ("王桂兰" in page) is is_known
        assert ("青霉素" in page) is is_shown
        assert "none known" not in page or is_shown
        assert ("王桂兰" in (await client.get("/queue")).text) is is_known
        await client.get("/incidents/1")
    log = await centre.store.read(people_access.newest)
    assert [one.act.value for one in log] == (["card"] if is_shown else []), "one look, however often it reloads"


async def test_reason_opens_a_closed_card_and_a_supervisor_looks_at_it(
    centre: Centre, console_url: str, case: str
) -> None:
    await centre.user(language="en")
    await centre.user(login="li", name="李", role="supervisor", language="en")
    await centre.store.write(lambda connection: connection.execute(sa.text("UPDATE incidents SET state = 'CLOSED'")))
    async with await browser(console_url) as client:
        await sign_in(client, "zhang")
        page = await client.get("/incidents/1")
        assert "青霉素" not in page.text
        shown = await client.post("/incidents/1/look", data={"csrf": csrf(page), "reason": "hospital asks"})
        assert "青霉素" in shown.text
    async with await browser(console_url) as client:
        await sign_in(client, "li")
        page = await client.get("/access")
        assert "hospital asks" in page.text
        number = re.search(r'action="/access/(\d+)/review"', page.text)
        assert number is not None
        page = await client.post(f"/access/{number[1]}/review", data={"csrf": csrf(page)})
        assert f"/access/{number[1]}/review" not in page.text


async def test_key_safe_code_asks_who_it_is_and_is_written_down(centre: Centre, console_url: str, case: str) -> None:
    await centre.user(language="en")
    now = centre.clock.now
    await centre.store.write(
        lambda connection: people_key_safes.put(connection, "home-1", "47#11", Safe(), hint="", by="li", at=now)
    )
    async with await browser(console_url) as client:
        await sign_in(client, "zhang")
        page = await client.get("/incidents/1/key-safe")
        assert "47#11" not in page.text
        assert "47#11" in (await client.post("/incidents/1/key-safe/code", data={"csrf": csrf(page)})).text
        centre.clock.later(minutes=61)
        page = await client.get("/incidents/1/key-safe")
        for proof in ("", "wrong"):
            answer = await client.post("/incidents/1/key-safe/code", data={"csrf": csrf(page), "proof": proof})
            assert "47#11" not in answer.text
        answer = await client.post("/incidents/1/key-safe/code", data={"csrf": csrf(page), "proof": PASSWORD})
        assert "47#11" in answer.text
        await centre.store.write(lambda connection: connection.execute(sa.text("UPDATE incidents SET state='CLOSED'")))
        answer = await client.post("/incidents/1/key-safe/code", data={"csrf": csrf(page)})
        assert answer.status_code == 403
    log = await centre.store.read(people_access.newest)
    assert [one.act.value for one in log].count("key_safe") == 2


def test_catalogues_know_every_ground() -> None:
    assert tuple(grounds.GROUNDS) == tuple(ground.value for ground in Ground)
