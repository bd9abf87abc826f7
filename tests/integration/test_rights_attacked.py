"""What was tried against rights, sessions and secrets of the centre, and does not work (any more)."""

import asyncio
import logging
import re
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.casebook import at_the_desk, brought_to_end
from fixtures.community_home import NOON, DemoHome
from fixtures.notified import SUPERVISOR, Notified

from community import totp
from community.accounts import Accounts
from community.channels.port import Way
from community.hourly import Hourly
from community.kpi_desk import KpiDesk
from community.kpi_months import month_of
from community.registry_sealing import Safe
from community.rights import Refused, Right
from community.staff import Staff
from community.store import logins, people_access, people_key_safes, rights, schema
from community.store.case_schema import notices
from community.store.people_access import Act
from community.store.people_schema import home_register, places
from community.users import EVERYWHERE, Role, User
from community.web import streams
from community.web.guard import without_link
from messaging.broker import BrokerSettings
from shouwang.alert import Severity
from shouwang.errors import ConfigError, IllegalMove, ShouwangError

KEY = bytes(range(32))


def who(role: Role, login: str = "zhang", **other: object) -> User:
    known = {"user_id": login, "login": login, "name": login, "role": role, "language": "en"}
    return User(**known | other)  # type: ignore[arg-type]


async def put_in_places(centre: Centre, **homes: str) -> None:
    def put(connection: sa.Connection) -> None:
        connection.execute(sa.delete(home_register))
        for place in sorted(set(homes.values())):
            row = {"place_id": place, "parent_id": None, "level": "grid", "code": place, "name": place}
            connection.execute(sa.insert(places).values(row))
        for home_id, place in homes.items():
            connection.execute(sa.insert(home_register).values(home_id=home_id.replace("_", "-"), place_id=place))

    await centre.store.write(put)


async def sign_in(client: httpx.AsyncClient, login: str) -> str:
    """The token of his forms."""
    page = await client.post("/login", data={"login": login, "password": PASSWORD})
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def browsing(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, follow_redirects=True, headers={"accept-language": "en"})


# ---- the second person ----


async def test_second_person_is_one_who_proves_it_himself(centre: Centre, console_url: str) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    for login in ("zhang", "li", "far"):
        await centre.user(login=login, name=login, language="en")
    await centre.user(login="auditor", name="auditor", role="auditor")
    await put_in_places(centre, home_1="north")
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    await staff.set_scope("far", areas=frozenset({"south"}), organisations=EVERYWHERE)
    ending = {"disposition": "helped", "note": "all well", "version": "2"}
    async with browsing(console_url) as client:
        csrf = await sign_in(client, "zhang")
        await client.post("/incidents/1/ack", data={"csrf": csrf, "command_id": "command-ack", "version": "1"})
        for number, (second, proof) in enumerate(
            (
                ("li", ""),
                ("li", "wrong"),
                ("zhang", PASSWORD),
                ("far", PASSWORD),
                ("auditor", PASSWORD),
                ("x", PASSWORD),
            )
        ):
            said = {"csrf": csrf, "command_id": f"command-{number}", "second": second, "second_proof": proof}
            answer = await client.post("/incidents/1/resolve_remote", data=ending | said)
            assert answer.status_code == 409, second
            assert "your colleague has not confirmed it" in answer.text
        said = {"csrf": csrf, "command_id": "command-right", "second": "li", "second_proof": PASSWORD}
        assert (await client.post("/incidents/1/resolve_remote", data=ending | said)).status_code == 200
    page = await centre.desk.incident(1)
    assert page is not None
    assert page.row.state == "FEEDBACK"


async def test_desk_takes_no_name_for_a_second_person(centre: Centre) -> None:
    from community.desk import Wish

    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    desk = centre.accounts.guarded(centre.desk, who(Role.OPERATOR), centre.clock)
    known = {"incident_id": 1, "by": "zhang", "role": "operator"}
    await desk.order(Wish(command="ack", command_id="a", version=1, **known))
    ending = {"disposition": "helped", "text": "well", "version": 2, "second": "li"} | known
    with pytest.raises(IllegalMove):
        await desk.order(Wish(command="resolve_remote", command_id="b", **ending))
    row = await desk.order(Wish(command="resolve_remote", command_id="c", **ending), second="li")
    assert row.state == "FEEDBACK"


async def test_password_typed_for_a_code_uses_up_no_code(centre: Centre) -> None:
    await centre.user()
    secret = await Staff(store=centre.store, by="root", clock=centre.clock).give_app("zhang")
    now = centre.clock.now
    for _ in range(20):
        assert await centre.accounts.vouch("zhang", PASSWORD, asker="li", client="a", now=now) is not None
    code = totp.code_at(secret, totp.step_at(now))
    assert await centre.accounts.vouch("zhang", code, asker="li", client="a", now=now) is not None
    assert await centre.accounts.vouch("zhang", code, asker="li", client="a", now=now) is None, "a code is good once"
    assert await centre.accounts.vouch("nobody", PASSWORD, asker="li", client="a", now=now) is None


# ---- secrets at rest, logs, metrics ----


async def test_app_secret_lies_sealed_and_opens_for_its_owner_alone(centre: Centre) -> None:
    user = await centre.user()
    await centre.user(login="li")
    safe, other = Safe(KEY), Safe(bytes(32))
    plain = await Staff(store=centre.store, by="root", clock=centre.clock).give_app("li")
    secret = await Staff(store=centre.store, by="root", clock=centre.clock, safe=safe).give_app("zhang")
    kept = dict(
        await centre.store.read(
            lambda connection: [
                tuple(row) for row in connection.execute(sa.select(schema.users.c.login, schema.users.c.totp_secret))
            ]
        )
    )
    assert secret not in kept["zhang"]
    assert kept["li"] == plain
    now = centre.clock.now
    accounts = Accounts(centre.store, safe=safe)
    for login, given in (("zhang", secret), ("li", plain)):
        code = totp.code_at(given, totp.step_at(now))
        assert await accounts.vouch(login, code, asker="wang", client="a", now=now) is not None
    with pytest.raises(ConfigError, match="key file"):
        await Accounts(centre.store).vouch("zhang", "123456", asker="wang", client="a", now=now)
    moved = sa.update(schema.users).where(schema.users.c.login == "li").values(totp_secret=kept["zhang"])
    assert user.user_id
    sealed = await centre.store.write(lambda connection: logins.seal_apps(connection, Safe(), safe))
    assert sealed == 1, "what lay plain is sealed, what was sealed stays"
    assert await centre.store.write(lambda connection: logins.seal_apps(connection, safe, other)) == 2
    assert await centre.store.write(lambda connection: logins.seal_apps(connection, other, safe)) == 2
    await centre.store.write(lambda connection: connection.execute(moved))
    with pytest.raises(Exception, match="is not as it was sealed"):
        await accounts.vouch("li", "123456", asker="wang", client="a", now=now)


def test_metrics_are_never_open() -> None:
    from community.metrics import Metrics

    for token in ("", " ", "short"):
        with pytest.raises(ConfigError, match="token of metrics"):
            Metrics(None, token=token, clock=lambda: NOON)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/login/once/abcDEF", "/r/abcDEF/order", "/r/abcDEF"])
def test_links_that_open_something_stand_in_no_log(path: str) -> None:
    assert "abcDEF" not in without_link(path)


async def test_malformed_origin_is_a_stranger(console_url: str) -> None:
    async with httpx.AsyncClient(base_url=console_url) as client:
        assert (await client.post("/login", headers={"origin": "http://[x"})).status_code == 403


# ---- sessions ----


async def test_stream_that_never_pauses_ends_with_the_session(
    centre: Centre, console_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 0.2)
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.user()

    async def ring() -> None:
        while True:
            centre.clock.later(seconds=1)
            await centre.alarm(box, "fall", Severity.P1)
            await asyncio.sleep(0.02)

    async with browsing(console_url) as client:
        await sign_in(client, "zhang")
        ringing = asyncio.create_task(ring())
        try:
            async with asyncio.timeout(20), client.stream("GET", "/events") as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                await Staff(store=centre.store, by="root", clock=centre.clock).disable("zhang")
                async for _ in lines:
                    pass
        finally:
            ringing.cancel()
            await asyncio.wait({ringing})


# ---- areas ----


async def test_closed_list_of_an_area_is_as_long_as_anybodys(centre: Centre) -> None:
    give = at_the_desk(centre.store, centre.clock.now)
    for number in (1, 2):
        await centre.home(number, f"{number}号", "x", 1940)
    await put_in_places(centre, home_1="north", home_2="south")
    for box in ("gw-1", "gw-1", "gw-2", "gw-2", "gw-2"):
        centre.clock.later(seconds=1)
        await centre.alarm(box, "sos", Severity.P1)
        (row,) = await centre.desk.queue()
        await brought_to_end(give, row)
    for areas, homes in ((frozenset({"north"}), ["home-1"] * 2), (EVERYWHERE, ["home-2"] * 2)):
        desk = centre.accounts.guarded(centre.desk, who(Role.OPERATOR, areas=areas), centre.clock)
        rows = await desk.closed(2)
        assert [row.home_id for row in rows] == homes
        assert [row.incident_id for row in rows] == sorted((row.incident_id for row in rows), reverse=True)
    south = centre.accounts.guarded(centre.desk, who(Role.AUDITOR, areas=frozenset({"elsewhere"})), centre.clock)
    assert await south.closed() == ()


async def test_figures_count_the_cases_of_ones_areas(centre: Centre) -> None:
    for number in (1, 2):
        await centre.home(number, f"{number}号", "x", 1940)
        await centre.alarm(f"gw-{number}", "sos", Severity.P1)
    await put_in_places(centre, home_1="north", home_2="south")
    desk = KpiDesk(centre.store, clock=centre.clock, zone=None)
    month = month_of(centre.clock.now, None)
    for areas, cases in ((frozenset({"north"}), {1}), (frozenset({"south"}), {2}), (EVERYWHERE, {1, 2})):
        page = await desk.month(month, who(Role.SUPERVISOR, areas=areas))
        told = {number for figure in page.figures for number in figure.cases}
        assert told <= cases
        assert sum(number for _, number, _ in page.open_now) == len(cases)
    whole = await desk.month(month)
    assert sum(number for _, number, _ in whole.open_now) == 2


async def broken(centre: Centre, home_id: str, incident_id: int, reader: str = "zhang") -> None:
    """He looks at the card of a closed case with a reason."""
    user = who(Role.OPERATOR, reader)

    def look(connection: sa.Connection) -> None:
        closed = sa.update(schema.incidents).where(schema.incidents.c.incident_id == incident_id)
        connection.execute(closed.values(state="CLOSED"))
        now = centre.clock.now
        subject = rights.subject_of_case(connection, user, incident_id, now, reason="asked by the hospital")
        assert subject is not None
        rights.look(connection, user, Act.CARD, subject, home_id=home_id, incident_id=incident_id)

    await centre.store.write(look)


async def test_supervisor_reviews_the_glass_of_his_areas_alone(centre: Centre) -> None:
    for number in (1, 2):
        await centre.home(number, f"{number}号", "x", 1940)
        await centre.alarm(f"gw-{number}", "sos", Severity.P1)
    await put_in_places(centre, home_1="north", home_2="south")
    await broken(centre, "home-1", 1)
    await broken(centre, "home-2", 2)
    log = await centre.store.read(people_access.newest)
    of = {one.home_id: one.access_id for one in log if one.act is Act.BREAK_GLASS}
    north = who(Role.SUPERVISOR, "li", areas=frozenset({"north"}))
    desk = centre.accounts.guarded(centre.desk, north, centre.clock)
    assert [one.access.home_id for one in await desk.broken_glass()] == ["home-1"]
    with pytest.raises(Refused):
        await desk.review(of["home-2"])
    await desk.review(of["home-1"])
    with pytest.raises(IllegalMove):
        await desk.review(of["home-1"])
    everywhere = centre.accounts.guarded(centre.desk, who(Role.SUPERVISOR, "zhang"), centre.clock)
    with pytest.raises(IllegalMove):
        await everywhere.review(of["home-2"])
    assert Right.REVIEW_ACCESS


async def test_hidden_card_tells_neither_hearing_nor_support_nor_the_way_in(centre: Centre) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"])
    deaf = sa.update(schema.residents).values(hearing="deaf")
    await centre.store.write(lambda connection: connection.execute(deaf))
    await centre.alarm(box, "sos", Severity.P1)
    now = centre.clock.now
    await centre.store.write(
        lambda connection: people_key_safes.put(
            connection, "home-1", "47#11", Safe(), hint="under the pot", by="x", at=now
        )
    )
    for role, is_shown in ((Role.OPERATOR, True), (Role.AUDITOR, False)):
        page = await centre.accounts.guarded(centre.desk, who(role), centre.clock).incident(1)
        assert page is not None
        assert page.resident is not None
        found = page.resident
        known = (found.key_safe, found.hearing.value, found.conditions)
        assert known == (("under the pot", "deaf", ("冠心病",)) if is_shown else (None, "unknown", ()))


# ---- the broken glass is told ----


async def test_broken_glass_goes_out_to_the_supervisor_and_rings_no_telephone(notified: Notified) -> None:
    calls, mail, sms = (
        notified.line("calls", Way.VOICE),
        notified.line("mail", Way.MAIL),
        notified.line("sms", Way.SMS),
    )
    from dataclasses import replace

    notified.people.append(replace(SUPERVISOR, ways=(*SUPERVISOR.ways, (Way.VOICE, "139"))))
    incident = await notified.case()
    await notified.put(incident, state="CLOSED")
    user = who(Role.OPERATOR)

    def look(connection: sa.Connection) -> None:
        subject = rights.subject_of_case(connection, user, incident, notified.now, reason="the hospital asks")
        assert subject is not None
        for _ in range(2):
            rights.look(connection, user, Act.CARD, subject, home_id="home-501", incident_id=incident)

    await notified.store.write(look)
    waiting = await notified.store.read(lambda connection: connection.execute(sa.select(notices.c.step)).all())
    assert [row.step for row in waiting] == ["glass", "glass"]
    async with notified.running():
        await notified.until_outcomes("sent", "sent", "sent", "sent")
    assert (len(calls.sent), len(mail.sent), len(sms.sent)) == (0, 2, 2), "each look is told"
    assert f"case {incident}" in mail.sent[0].text
    for word in ("王桂兰", "hospital", "zhang", "3号楼"):
        assert word not in mail.sent[0].text + mail.sent[0].subject


async def test_look_in_an_open_case_tells_nobody(notified: Notified, home: DemoHome) -> None:
    incident = await notified.case()
    user = who(Role.OPERATOR)

    def look(connection: sa.Connection) -> None:
        subject = rights.subject_of_case(connection, user, incident, notified.now + timedelta(seconds=1))
        assert subject is not None
        rights.look(connection, user, Act.CARD, subject, home_id="home-501", incident_id=incident)

    await notified.store.write(look)
    assert await notified.store.read(lambda connection: connection.execute(sa.select(notices)).all()) == []


async def test_head_of_the_log_of_reads_leaves_the_database_too(
    centre: Centre, caplog: pytest.LogCaptureFixture
) -> None:
    now = centre.clock.now
    await centre.store.write(lambda connection: people_access.note(connection, Act.CARD, actor="zhang", at=now))
    nowhere = BrokerSettings(host="127.0.0.1", port=9, client_id="witnesses")
    hourly = Hourly(nowhere, centre.store, clock=centre.clock, told=lambda: None)
    with caplog.at_level(logging.INFO, logger="community.hourly"), pytest.raises(ShouwangError):
        await hourly.turn()
    assert await centre.store.read(people_access.head) in caplog.text
