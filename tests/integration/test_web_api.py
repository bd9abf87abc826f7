"""The HTTP API over a real socket: tokens, scopes, areas, agreements, paging, orders once, problems, limits."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import Centre

from community.staff import Staff
from community.store import people_access, requests, schema
from community.store.people_schema import consents, home_register, places
from community.tokens import Agreement, Field, Scope, Token
from community.users import EVERYWHERE, Role
from community.web import api_caller
from shouwang.alert import Severity

ALL = frozenset(Scope)


class Programmer:
    """Makes tokens, and clients that carry them."""

    def __init__(self, centre: Centre, url: str) -> None:
        self.centre = centre
        self.url = url
        self.staff = Staff(store=centre.store, by="root", clock=centre.clock)
        self._number = 0

    async def client(
        self,
        role: Role = Role.SUPERVISOR,
        *,
        scopes: frozenset[Scope] = ALL,
        areas: frozenset[str] = EVERYWHERE,
        fields: frozenset[Field] = frozenset(Field),
        **other: object,
    ) -> httpx.AsyncClient:
        self._number += 1
        now, agreement = self.centre.clock.now, f"a{self._number}"
        await self.staff.agree(
            Agreement(
                agreement_id=agreement,
                organisation="care-co",
                purpose="test",
                fields=fields,
                areas=EVERYWHERE,
                starts_at=now,
                ends_at=now + timedelta(days=30),
            )
        )
        token = Token(
            token_id=f"t{self._number}",
            name=f"program-{self._number}",
            role=role,
            scopes=scopes,
            areas=areas,
            organisations=EVERYWHERE,
            person="",
            agreement=agreement,
            a_minute=6000,
            created_by="root",
            created_at=now,
            expires_at=now + timedelta(days=30),
        )
        word = await self.staff.add_token(replace(token, **other))
        return self.carrying(word)

    def carrying(self, word: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {word}"})


@pytest.fixture
def programmer(centre: Centre, console_url: str) -> Programmer:
    return Programmer(centre, f"{console_url}/api/v1")


@pytest.fixture
async def gateway(centre: Centre) -> str:
    """A home in north, and one in the far south."""
    await centre.home(2, "南区1号", "李建国", 1940)
    box = await centre.home(
        1,
        "3号楼2-501",
        "王桂兰",
        1944,
        conditions=["冠心病"],
        allergies=["青霉素"],
        contacts=[{"name": "王强", "relation": "儿子", "phone": "138 0000 0001", "has_key": True}],
    )

    def put(connection: sa.Connection) -> None:
        connection.execute(sa.delete(home_register))
        for number, place in ((1, "north"), (2, "south")):
            row = {"place_id": place, "parent_id": None, "level": "grid", "code": place, "name": place}
            connection.execute(sa.insert(places).values(row))
            connection.execute(sa.insert(home_register).values(home_id=f"home-{number}", place_id=place))

    await centre.store.write(put)
    return box


def is_problem(answer: httpx.Response, status: int, said: str = "") -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert said in json.dumps(body)


# ---- who asks ----


@pytest.mark.parametrize(
    "header",
    [{}, {"authorization": "Bearer swt_x"}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer " + "x" * 5000}],
)
async def test_stranger_is_told_to_bring_a_token(programmer: Programmer, header: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=programmer.url) as client:
        answer = await client.get("/cases", headers=header)
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_cookie_of_a_console_opens_no_api(programmer: Programmer) -> None:
    await programmer.centre.user(role="supervisor")
    shift = await programmer.centre.accounts.log_in(
        "zhang", "four words make sense", client="a", now=programmer.centre.clock.now
    )
    assert shift is not None
    async with httpx.AsyncClient(base_url=programmer.url, cookies={"shift": shift.token}) as client:
        is_problem(await client.get("/cases"), 401)


async def test_revoked_and_old_tokens_open_nothing(programmer: Programmer) -> None:
    async with await programmer.client() as client:
        assert (await client.get("/cases")).status_code == 200
        await programmer.staff.revoke_token("t1")
        is_problem(await client.get("/cases"), 401)
    async with await programmer.client() as client:
        programmer.centre.clock.later(days=30)
        is_problem(await client.get("/cases"), 401)


async def test_last_use_is_known(programmer: Programmer) -> None:
    async with await programmer.client() as client:
        await client.get("/cases")
    (token,) = await programmer.staff.tokens()
    assert token.last_used_at == programmer.centre.clock.now


PATHS = {
    Scope.CASES_READ: ["/cases", "/cases/1", "/cases/1/timeline"],
    Scope.NOTICES_READ: ["/cases/1/notices"],
    Scope.HOMES_READ: ["/gateways"],
    Scope.RESIDENTS_READ: ["/residents", "/residents/resident-1"],
    Scope.CHANGES_READ: ["/changes"],
    Scope.REQUESTS_FILE: ["/requests/R-1"],
    Scope.KPIS_READ: ["/kpis", "/kpis?month=2026-11"],
}


@pytest.mark.parametrize("scope", PATHS)
async def test_each_address_needs_its_scope(programmer: Programmer, gateway: str, scope: Scope) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(scopes=ALL - {scope, Scope.MEDICAL_READ}) as client:
        for path in PATHS[scope]:
            is_problem(await client.get(path), 403, "not made for this")
    async with await programmer.client(scopes=frozenset({scope})) as client:
        for path in PATHS[scope]:
            assert (await client.get(path)).status_code in {200, 404}


async def test_admin_reads_neither_cases_nor_people(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(Role.ADMIN) as client:
        assert (await client.get("/cases")).json()["cases"] == []
        assert (await client.get("/changes")).json()["changes"] == []
        assert (await client.get("/residents")).json()["residents"] == []
        assert [box["gateway_id"] for box in (await client.get("/gateways")).json()["gateways"]] == ["gw-1", "gw-2"]
        is_problem(await client.get("/cases/1"), 403)
        is_problem(await client.get("/residents/resident-1"), 403)


async def test_regulator_reads_and_alters_nothing(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(Role.REGULATOR) as client:
        assert (await client.get("/cases/1")).status_code == 200
        headers = {"idempotency-key": "12345678", "if-match": '"1"'}
        for command in ("ack", "take_over", "note", "call_120", "report", "revisit_ok"):
            is_problem(await client.post("/cases/1/orders", json={"command": command}, headers=headers), 403)
        is_problem(await client.get("/residents/resident-1"), 403)


# ---- where ----


async def test_program_sees_its_area(programmer: Programmer, gateway: str) -> None:
    for box in (gateway, "gw-2", "gw-stranger"):
        await programmer.centre.alarm(box, "sos", Severity.P1)
    async with await programmer.client(Role.SUPERVISOR, areas=frozenset({"north"})) as client:
        homes = {case["home_id"] for case in (await client.get("/cases")).json()["cases"]}
        assert homes == {"home-1", "gateway:gw-stranger"}, "an alarm from nowhere is everybody's"
        is_problem(await client.get("/cases/2"), 403, "outside your area")
        assert {change["case"] for change in (await client.get("/changes")).json()["changes"]} == {1, 3}
        assert [one["resident_id"] for one in (await client.get("/residents")).json()["residents"]] == ["resident-1"]
        is_problem(await client.get("/residents/resident-2"), 403)
        assert [box["gateway_id"] for box in (await client.get("/gateways")).json()["gateways"]] == ["gw-1"]


# ---- what of a person ----


async def test_person_is_shown_as_far_as_agreed(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(fields=frozenset({Field.NAME})) as client:
        (case,) = (await client.get("/cases")).json()["cases"]
        assert (case["name"], case["address"], case["age"]) == ("王桂兰", None, None)
        assert (await client.get("/residents/resident-1")).json() == {"resident_id": "resident-1", "name": "王桂兰"}
        for asked in ("address", "conditions"):
            is_problem(await client.get(f"/residents/resident-1?fields={asked}"), 403, "does not cover")
        is_problem(await client.get("/residents/resident-1?fields=shoe_size"), 422)


async def test_medical_data_needs_scope_right_and_word(programmer: Programmer, gateway: str) -> None:
    async with await programmer.client(scopes=ALL - {Scope.MEDICAL_READ}) as client:
        assert "conditions" not in (await client.get("/residents/resident-1")).json()
        is_problem(await client.get("/residents/resident-1?fields=conditions"), 403, "does not cover")
    async with await programmer.client() as client:
        is_problem(await client.get("/residents/resident-1?fields=conditions"), 403, "has not agreed")
        is_problem(await client.get("/residents?fields=conditions"), 403, "does not cover")
        row = said_to_share("resident-1", programmer.centre.clock.now)
        await programmer.centre.store.write(lambda connection: connection.execute(sa.insert(consents).values(row)))
        assert (await client.get("/residents/resident-1?fields=conditions")).json()["conditions"] == ["冠心病"]
    async with await programmer.client(Role.AUDITOR) as client:
        is_problem(await client.get("/residents/resident-1?fields=conditions"), 403, "no right to medical")


async def test_open_case_of_the_person_opens_the_card_to_an_operator(programmer: Programmer, gateway: str) -> None:
    async with await programmer.client(Role.OPERATOR) as client:
        is_problem(await client.get("/residents/resident-1?fields=allergies"), 403)
        await programmer.centre.alarm(gateway, "sos", Severity.P1)
        assert (await client.get("/residents/resident-1?fields=allergies")).json()["allergies"] == ["青霉素"]


def said_to_share(resident_id: str, at: datetime) -> dict[str, object]:
    return {
        "resident_id": resident_id,
        "purpose": "sharing_with_clinics",
        "is_given": True,
        "given_by": "王桂兰",
        "relation": "self",
        "at": at,
        "text_version": "1",
        "how": "paper",
        "recorded_by": "li",
        "recorded_at": at,
    }


async def leaves(centre: Centre, resident_id: str, why: str, on: str) -> None:
    this = schema.residents.c.resident_id == resident_id
    gone = sa.update(schema.residents).where(this).values(left_why=why, left_on=on)
    await centre.store.write(lambda connection: connection.execute(gone))


async def test_who_left_is_told_with_when_and_how_and_stands_on_no_list(programmer: Programmer, gateway: str) -> None:
    await leaves(programmer.centre, "resident-1", "died", "2026-10-30")
    async with await programmer.client(fields=frozenset({Field.NAME})) as client:
        assert (await client.get("/residents/resident-1")).json() == {
            "resident_id": "resident-1",
            "left": {"why": "died", "since": "2026-10-30"},
            "name": "王桂兰",
        }
        assert "left" not in (await client.get("/residents/resident-2")).json()
        assert [one["resident_id"] for one in (await client.get("/residents")).json()["residents"]] == ["resident-2"]
        is_problem(await client.get("/residents/resident-1?fields=address"), 403, "does not cover")
    log = await programmer.centre.store.read(people_access.newest)
    assert [(one.act.value, one.resident_id) for one in log] == [
        ("contacts", "resident-2"),
        ("contacts", "resident-2"),
        ("contacts", "resident-1"),
    ]
    async with await programmer.client(Role.SUPERVISOR, areas=frozenset({"south"})) as client:
        is_problem(await client.get("/residents/resident-1"), 403, "outside your area")
    async with await programmer.client(Role.ADMIN) as client:
        is_problem(await client.get("/residents/resident-1"), 403)
    gone = sa.update(schema.residents).values(erased_at=programmer.centre.clock.now)
    await programmer.centre.store.write(lambda connection: connection.execute(gone))
    async with await programmer.client() as client:
        is_problem(await client.get("/residents/resident-1"), 404)


async def test_case_of_the_home_opens_no_card_of_who_left_it(programmer: Programmer, gateway: str) -> None:
    centre = programmer.centre
    await centre.alarm(gateway, "sos", Severity.P1)
    await leaves(centre, "resident-1", "moved", "2026-10-30")
    async with await programmer.client() as client:
        is_problem(await client.get("/residents/resident-1?fields=conditions"), 403, "has not agreed")
        row = said_to_share("resident-1", centre.clock.now)
        await centre.store.write(lambda connection: connection.execute(sa.insert(consents).values(row)))
        assert (await client.get("/residents/resident-1?fields=conditions")).json()["conditions"] == ["冠心病"]


async def test_family_reads_its_own_elder_and_not_who_lives_with_him(programmer: Programmer, gateway: str) -> None:
    centre = programmer.centre
    agreed = said_to_share("resident-1", centre.clock.now) | {"purpose": "family_view"}

    def put(connection: sa.Connection) -> None:
        him = connection.execute(
            sa.select(schema.residents).where(schema.residents.c.resident_id == "resident-1")
        ).one()
        connection.execute(sa.insert(schema.residents).values({**him._mapping, "resident_id": "resident-1b"}))
        connection.execute(sa.insert(consents).values(agreed))
        seen = {"contact_id": "son", "may_see": '["status", "card"]'}
        connection.execute(sa.update(schema.contacts).values(seen))

    await centre.store.write(put)
    async with await programmer.client(Role.FAMILY, person="son") as client:
        assert (await client.get("/residents/resident-1?fields=conditions")).json()["conditions"] == ["冠心病"]
        for asked in ("name", "conditions"):
            is_problem(await client.get(f"/residents/resident-1b?fields={asked}"), 403)
        assert [one["resident_id"] for one in (await client.get("/residents")).json()["residents"]] == ["resident-1"]


async def test_every_read_of_a_person_is_written_down(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client() as client:
        await client.get("/residents/resident-1?fields=name&fields=notes")
        await client.get("/residents")
        await client.get("/residents/nobody")
    log = await programmer.centre.store.read(people_access.newest)
    acts = [(one.actor, one.act.value, one.resident_id) for one in log]
    assert acts == [
        ("token:program-1", "contacts", "resident-2"),
        ("token:program-1", "contacts", "resident-1"),
        ("token:program-1", "card", "resident-1"),
        ("token:program-1", "contacts", "resident-1"),
    ]


# ---- paging ----


async def test_pages_of_cases_lose_none_and_end(programmer: Programmer, gateway: str) -> None:
    for hazard, severity in (("sos", Severity.P1), ("sensor-silent", Severity.P3), ("medicine", Severity.P4)):
        await programmer.centre.alarm(gateway, hazard, severity)
    async with await programmer.client() as client:
        found, after, is_last = [], 0, False
        while not is_last:
            page = (await client.get("/cases", params={"after": after, "limit": 1})).json()
            assert len(page["cases"]) <= 1
            found += [case["id"] for case in page["cases"]]
            after, is_last = page["next_after"], page["is_last"]
        assert found == [1, 2, 3]
        assert (await client.get("/cases", params={"after": after})).json()["cases"] == []
        await programmer.centre.alarm(gateway, "sos", Severity.P1, key="sos:again")
        assert [case["id"] for case in (await client.get("/cases", params={"after": after})).json()["cases"]] == [1]
        timeline = (await client.get("/cases/1/timeline")).json()["entries"]
        assert timeline[0]["kind"] == "opened"
        rest = (await client.get("/cases/1/timeline", params={"after": timeline[0]["seq"]})).json()["entries"]
        assert rest == timeline[1:]
        boxes = (await client.get("/gateways", params={"after": "gw-1", "limit": 1})).json()["gateways"]
        assert [box["gateway_id"] for box in boxes] == ["gw-2"]
        people = (await client.get("/residents", params={"after": "resident-1"})).json()["residents"]
        assert [one["resident_id"] for one in people] == ["resident-2"]


async def test_calls_of_a_case_are_listed(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client() as client:
        answer = await client.get("/cases/1/notices")
        assert answer.status_code == 200
        stored = await programmer.centre.store.read(
            lambda connection: connection.execute(sa.text("SELECT count(*) FROM notices")).scalar_one()
        )
        assert len(answer.json()["notices"]) == stored
        is_problem(await client.get("/cases/99/notices"), 404)


# ---- orders ----


async def ack(client: httpx.AsyncClient, key: str, version: int = 1, **body: object) -> httpx.Response:
    headers = {"idempotency-key": key, "if-match": f'"{version}"'}
    return await client.post("/cases/1/orders", json={"command": "ack"} | body, headers=headers)


async def test_order_is_carried_out_once(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(Role.OPERATOR) as client:
        whole = await client.get("/cases/1")
        assert whole.headers["etag"] == '"1"'
        assert "ack" in whole.json()["commands"]
        first = await ack(client, "key-0001")
        assert (first.status_code, first.json()["state"], first.json()["owner"]) == (200, "ACKED", "token:program-1")
        again = await ack(client, "key-0001")
        assert again.json() == first.json()
        is_problem(await ack(client, "key-0001", text="other words"), 409, "another order")


async def test_slower_program_gets_the_present_state(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(Role.OPERATOR) as one, await programmer.client(Role.OPERATOR) as two:
        answers = await asyncio.gather(ack(one, "same-key"), ack(two, "same-key"))
    loser = max(answers, key=lambda answer: answer.status_code)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    is_problem(loser, 409)
    assert loser.json()["case"]["state"] == "ACKED"
    assert loser.json()["case"]["version"] == 2


async def test_order_of_no_case_is_404_and_illegal_one_409(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    headers = {"idempotency-key": "key-0001", "if-match": "1"}
    async with await programmer.client(Role.OPERATOR) as client:
        is_problem(await client.post("/cases/9/orders", json={"command": "ack"}, headers=headers), 404)
        is_problem(await client.post("/cases/1/orders", json={"command": "verify_ok"}, headers=headers), 409)
        is_problem(await client.post("/cases/1/orders", json={"command": "fly_to_moon"}, headers=headers), 409)


async def test_program_cannot_speak_for_a_second_person(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(Role.OPERATOR) as client:
        for field in ("second", "confirmed_by", "by", "role"):
            is_problem(await ack(client, "key-0001", **{field: "li"}), 422)


# ---- requests ----


async def test_request_is_filed_once_and_tracked(programmer: Programmer, gateway: str) -> None:
    asked = {"home_id": "home-1", "category": "repair", "text": "灯坏了"}
    async with await programmer.client(Role.OPERATOR) as client:
        first = await client.post("/requests", json=asked, headers={"idempotency-key": "key-0001"})
        assert first.status_code == 201, first.text
        again = await client.post("/requests", json=asked, headers={"idempotency-key": "key-0001"})
        other = await client.post("/requests", json=asked, headers={"idempotency-key": "key-0002"})
        assert again.json() == first.json()
        assert other.json()["tracking"] != first.json()["tracking"]
        found = (await client.get(f"/requests/{first.json()['tracking']}")).json()
        assert found["state"] == "FILED"
        assert found["phase"] == "reported"
        is_problem(
            await client.post("/requests", json=asked | {"home_id": "x"}, headers={"idempotency-key": "key-0003"}),
            409,
            "no home x",
        )
        await programmer.centre.alarm(gateway, "sos", Severity.P1)
        is_problem(await client.get("/requests/R-3"), 404)
    rows = await programmer.centre.store.read(
        lambda connection: connection.execute(sa.select(schema.incidents.c.workflow, schema.incidents.c.priority)).all()
    )
    assert [tuple(row) for row in rows][:2] == [("request", "P4"), ("request", "P4")]
    words = await programmer.centre.store.read(
        lambda connection: connection.execute(sa.select(schema.notes.c.words)).scalars().all()
    )
    assert words == ["[repair] 灯坏了"] * 2


async def test_request_opens_no_medical_card(programmer: Programmer, gateway: str) -> None:
    now = programmer.centre.clock.now
    await programmer.centre.store.write(
        lambda connection: requests.file(connection, "home-1", "x", by="a", key="k", is_urgent=True, at=now)
    )
    async with await programmer.client(Role.OPERATOR) as client:
        is_problem(await client.get("/residents/resident-1?fields=allergies"), 403)


# ---- figures ----


async def test_figures_of_a_month_hold_no_person(programmer: Programmer, gateway: str) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client(Role.REGULATOR) as client:
        page = (await client.get("/kpis")).json()
        assert page["month"] == "2026-11"
        named = {(one["name"], one["of"]): (one["numerator"], one["denominator"]) for one in page["figures"]}
        assert named["answered_60s", ""][1] in {0, 1}
        assert "王桂兰" not in json.dumps(page, ensure_ascii=False)
    async with await programmer.client(Role.FAMILY) as client:
        is_problem(await client.get("/kpis"), 403)


# ---- changes ----


async def test_changes_are_waited_for(programmer: Programmer, gateway: str) -> None:
    async with await programmer.client() as client:
        waiting = asyncio.create_task(client.get("/changes", params={"wait_s": 10}, timeout=15))
        while not programmer.centre.bells._listeners:
            await asyncio.sleep(0.01)
        await programmer.centre.alarm(gateway, "sos", Severity.P1)
        page = (await waiting).json()
    assert [(change["kind"], change["case"]) for change in page["changes"]] == [("opened", 1)]
    assert page["next_after"] == page["changes"][-1]["seq"]


# ---- limits and hostile input ----


async def test_own_rate_of_a_token_ends_in_429(programmer: Programmer) -> None:
    async with await programmer.client(a_minute=1) as client:
        answers = [await client.get("/cases") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    is_problem(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_guessing_tokens_ends_in_429(programmer: Programmer) -> None:
    tries = api_caller.WRONG_TOKENS.at_once + 1
    async with programmer.carrying("swt_wrong") as client:
        statuses = [(await client.get("/cases")).status_code for _ in range(tries)]
    assert statuses == [401] * (tries - 1) + [429]


async def test_body_of_a_megabyte_is_refused(programmer: Programmer) -> None:
    async with await programmer.client() as client:
        answer = await client.post(
            "/requests",
            content=b"x" * 1_000_000,
            headers={"idempotency-key": "key-0001", "content-type": "application/json"},
        )
        is_problem(answer, 413)
        note = {"command": "note", "text": "文" * 4001}
        is_problem(await client.post("/cases/1/orders", json=note, headers={"idempotency-key": "key-0001"}), 422)


HOSTILE: list[Callable[[httpx.AsyncClient], object]] = [
    lambda client: client.get("/cases/99999999999999999999999"),
    lambda client: client.get("/cases/1e3"),
    lambda client: client.get("/cases/-1"),
    lambda client: client.get("/cases/0x1"),
    lambda client: client.get("/cases?after=-1"),
    lambda client: client.get("/cases?limit=1000000"),
    lambda client: client.get("/cases?after=NaN"),
    lambda client: client.get("/changes?wait_s=999999"),
    lambda client: client.get("/residents/%00"),
    lambda client: client.get("/residents/..%2f..%2fetc%2fpasswd"),
    lambda client: client.get("/residents/" + "x" * 5000),
    lambda client: client.get("/residents?after=%00"),
    lambda client: client.get("/residents?" + "&".join(["fields=name"] * 1000)),
    lambda client: client.get("/requests/R-" + "9" * 100),
    lambda client: client.get("/requests/R-0"),
    lambda client: client.get("/../../etc/passwd"),
    lambda client: client.get("/%2e%2e/%2e%2e/queue"),
    lambda client: client.delete("/cases/1"),
    lambda client: client.post("/cases"),
    lambda client: client.post("/cases/1/orders", content=b"\xff\xfe\x00"),
    lambda client: client.post("/cases/1/orders", content=b"[" * 30_000),
    lambda client: client.post("/cases/1/orders", json=None),
    lambda client: client.post("/cases/1/orders", json=[{"command": "ack"}]),
    lambda client: client.post("/cases/1/orders", json={"command": "note", "text": "a\0b"}),
    lambda client: client.post("/cases/1/orders", content=b'{"command": "note", "text": "\\ud800"}'),
    lambda client: client.post("/cases/1/orders", json={"command": "a; DROP TABLE incidents"}),
    lambda client: client.post("/cases/1/orders", json={"command": "dispatch", "targets": ["x"] * 100}),
    lambda client: client.post("/cases/1/orders", json={"command": "accept", "eta_min": 10**30}),
    lambda client: client.post("/cases/1/orders", json={"command": "ack"}, headers={"if-match": "W/*"}),
    lambda client: client.post("/cases/1/orders", json={"command": "ack"}, headers={"idempotency-key": "短"}),
    lambda client: client.post("/requests", json={"home_id": "x\0", "category": "help", "text": "x"}),
    lambda client: client.post("/requests", json={"home_id": {"$ne": ""}, "category": "help", "text": "x"}),
    lambda client: client.post("/cases/1/orders", data={"command": "ack"}),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_hostile_request_is_refused_in_words(programmer: Programmer, gateway: str, number: int) -> None:
    await programmer.centre.alarm(gateway, "sos", Severity.P1)
    async with await programmer.client() as client:
        client.headers["idempotency-key"] = "key-0001"
        try:
            answer = await HOSTILE[number](client)  # type: ignore[misc]
        except UnicodeEncodeError:  # the client itself will not send it
            return
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
        assert "Traceback" not in answer.text
        assert (await client.get("/cases/1")).json()["case"]["state"] == "OPEN"


# ---- the document ----


async def test_document_and_its_page_load_nothing_from_elsewhere(programmer: Programmer) -> None:
    async with httpx.AsyncClient(base_url=programmer.url) as client:
        document = (await client.get("/openapi.json")).json()
        page = await client.get("/docs")
    assert set(document["paths"]) == {
        "/cases",
        "/cases/{case_id}",
        "/cases/{case_id}/timeline",
        "/cases/{case_id}/notices",
        "/cases/{case_id}/orders",
        "/changes",
        "/gateways",
        "/residents",
        "/residents/{resident_id}",
        "/requests",
        "/requests/{tracking}",
        "/requests/{tracking}/rating",
        "/kpis",
    }
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["components"]["schemas"]["Problem"]
    assert page.status_code == 200
    assert not {"<script", "http://", "https://", "src="} & set(page.text.split())
    assert "//" not in page.text.replace("</", "")
