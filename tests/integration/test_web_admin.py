"""Pages for administrators: users, tokens, the record of changes, channels, backups and the check of the record."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import httpx
import msgspec
import pytest
from fixtures.browser import PASSWORD, Centre, console_of
from fixtures.kpi_cases import stored, walked
from fixtures.notified import HandChannel
from fixtures.visitor import fields, press

from community import retention_rounds, totp
from community.accounts import PROOF_LASTS
from community.centre_room import BY_HAND, Means
from community.channels.port import Way
from community.measurement_settings import BackupEntry
from community.post import Line
from community.retention_settings import RetentionEntry
from community.staff import Staff
from community.store import admin, channel_health, logins, retention_days, round_clock, seals
from community.store.backups import Source
from community.store.database import Connection
from community.store.log_in_schema import log_in_failures
from community.users import Role
from community.web.fact_words import plain
from community.web.language import Language
from shouwang.bilingual import Bilingual


@pytest.fixture
async def client(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as found:
        yield found


async def come_in(centre: Centre, client: httpx.AsyncClient, role: str = "admin", login: str = "gao") -> None:
    await centre.user(login, login.title(), role, "en")
    await client.post("/login", data={"login": login, "password": PASSWORD})


RIGHTS = {"name": "张琳", "role": "supervisor", "areas": "*", "organisations": "*", "person": ""}


async def user(centre: Centre, login: str) -> object:
    return await centre.store.read(lambda connection: logins.user_called(connection, login))


async def changes(centre: Centre) -> list[tuple[str, str, str, str]]:
    rows = await centre.store.read(lambda connection: admin.changes(connection, limit=20))
    return [(row.actor, row.what, row.whom, plain(row.detail, Language.EN, str)) for row in rows]


# ---- users ----


async def test_admin_adds_a_user_who_comes_in_by_the_link(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    page = await press(
        client, "/admin/users", "/admin/users", login="mei", name="梅芳", role="operator", areas="*", language="zh"
    )
    link = re.search(r"https://care\.example\.org(/login/once/[\w-]+)", page.text)
    assert link is not None
    assert link[1] not in (await client.get("/admin/users/mei")).text, "shown once"
    async with httpx.AsyncClient(base_url=str(client.base_url), follow_redirects=True) as other:
        assert (await other.post(link[1], data={})).url.path == "/queue"
    assert ("gao", "added", "mei", "now: 梅芳, Operator, areas all, organisations all") in await changes(centre)


async def test_change_of_rights_is_written_down_with_before_and_after(
    centre: Centre, client: httpx.AsyncClient
) -> None:
    await come_in(centre, client)
    await centre.user()
    await press(client, "/admin/users/zhang", "/admin/users/zhang/rights", **RIGHTS)
    assert (await user(centre, "zhang")).role is Role.SUPERVISOR
    page = (await client.get("/admin/changes")).text
    assert "before: 张琳, Operator, areas all, organisations all<br>" in page
    assert "now: 张琳, Supervisor, areas all, organisations all" in page
    assert "rights changed" in page


async def test_unknown_area_or_person_is_refused(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await centre.user()
    for wrong, said in (({"areas": "nowhere"}, "no such area: nowhere"), ({"person": "nobody"}, "has this id: nobody")):
        page = await press(client, "/admin/users/zhang", "/admin/users/zhang/rights", **RIGHTS | wrong)
        assert page.status_code == 409
        assert said in page.text
    assert (await user(centre, "zhang")).role is Role.OPERATOR


async def test_form_filled_in_over_something_older_is_refused(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await centre.user()
    stale = fields((await client.get("/admin/users/zhang")).text, "/admin/users/zhang/rights")
    await Staff(store=centre.store, by="root", clock=centre.clock).set_role("zhang", Role.AUDITOR)
    answer = await client.post("/admin/users/zhang/rights", data=stale | RIGHTS)
    assert answer.status_code == 409
    assert "Somebody has changed this since you saw it" in answer.text
    assert (await user(centre, "zhang")).role is Role.AUDITOR


async def test_nobody_locks_himself_or_the_last_admin_out(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    page = (await client.get("/admin/users/gao")).text
    sent = fields(page, "/admin/users/gao/rights")
    disabled = await client.post("/admin/users/gao/disable", data=sent)
    demoted = await client.post("/admin/users/gao/rights", data=sent | RIGHTS)
    assert [disabled.status_code, demoted.status_code] == [409, 409]
    assert "disable yourself" in disabled.text
    assert (await user(centre, "gao")).role is Role.ADMIN
    await centre.user("lin", "Lin", "admin", "en")
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    await staff.disable("lin")
    with pytest.raises(Exception, match="last administrator"):
        await staff.disable("gao")


async def test_disabled_user_is_out_at_once_and_let_in_again(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await centre.user(language="en")
    async with httpx.AsyncClient(base_url=str(client.base_url), follow_redirects=True) as other:
        await other.post("/login", data={"login": "zhang", "password": PASSWORD})
        await press(client, "/admin/users/zhang", "/admin/users/zhang/disable")
        assert (await other.get("/queue")).url.path == "/login"
        await press(client, "/admin/users/zhang", "/admin/users/zhang/enable")
        assert (await other.post("/login", data={"login": "zhang", "password": PASSWORD})).url.path == "/queue"
        await press(client, "/admin/users/zhang", "/admin/users/zhang/log-out")
        assert (await other.get("/queue")).url.path == "/login"


async def test_authenticator_app_counts_only_once_its_code_was_right(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await centre.user()
    page = (await press(client, "/admin/users/zhang", "/admin/users/zhang/new-app")).text
    assert "otpauth://totp/" in page
    sent = fields(page, "/admin/users/zhang/app")
    wrong = await client.post("/admin/users/zhang/app", data=sent | {"code": "000000"})
    assert wrong.status_code == 409
    assert not (await user(centre, "zhang")).has_totp
    code = totp.code_at(sent["secret"], totp.step_at(centre.clock.now))
    done = await client.post("/admin/users/zhang/app", data=sent | {"code": code})
    assert (await user(centre, "zhang")).has_totp
    assert sent["secret"] not in done.text
    assert all(sent["secret"] not in " ".join(row) for row in await changes(centre))


async def test_old_proof_asks_anew_who_it_is(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await centre.user()
    centre.clock.now += PROOF_LASTS * 2
    page = (await client.get("/admin/users/zhang")).text
    assert 'name="proof"' in page
    sent = fields(page, "/admin/users/zhang/rights") | RIGHTS
    for proof, status in (("", 409), ("not my password", 409), (PASSWORD, 200)):
        assert (await client.post("/admin/users/zhang/rights", data=sent | {"proof": proof})).status_code == status
    assert (await user(centre, "zhang")).role is Role.SUPERVISOR


async def test_form_of_another_session_changes_nothing(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await centre.user()
    assert (await client.post("/admin/users/zhang/disable", data={"csrf": "x"})).status_code == 403
    assert not (await user(centre, "zhang")).is_disabled


@pytest.mark.parametrize("role", ["supervisor", "auditor", "regulator"])
async def test_who_may_only_read_finds_no_form(centre: Centre, client: httpx.AsyncClient, role: str) -> None:
    await come_in(centre, client, role, "li")
    for address in ("/admin", "/admin/users", "/admin/users/li", "/admin/tokens", "/admin/channels", "/admin/changes"):
        page = await client.get(address)
        assert page.status_code == 200, address
        assert 'method="post" action="/admin' not in page.text
        assert "formaction" not in page.text


# ---- programs ----


async def test_token_is_shown_once_and_ends(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    made = await press(
        client, "/admin/tokens", "/admin/tokens", name="hospital", role="operator", scopes=["kpis:read"], days="30"
    )
    word = re.search(r"swt_[\w-]+", made.text)
    assert word is not None
    asked = {"authorization": f"Bearer {word[0]}"}
    assert (await client.get("/api/v1/kpis", headers=asked)).status_code == 200
    page = (await client.get("/admin/tokens")).text
    assert word[0] not in page
    ending = re.search(r"/admin/tokens/\w+/end", page)
    assert ending is not None
    await press(client, "/admin/tokens", ending[0])
    assert (await client.get("/api/v1/kpis", headers=asked)).status_code == 401
    assert [what for _, what, _, _ in await changes(centre)] == ["token revoked", "token added"]


async def test_token_without_a_scope_is_refused(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    assert (await press(client, "/admin/tokens", "/admin/tokens", name="x", role="operator")).status_code == 409


# ---- the centre: overview, channels, backup, record, scripts ----


async def test_overview_tells_what_is_lacking(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    page = (await client.get("/admin")).text
    for said in ("A second one is needed", "not verified here yet", "not set up", "SQLite"):
        assert said in page
    assert 'href="/admin"' in page


async def test_record_is_verified_and_the_outcome_stays(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    page = await press(client, "/admin/safety", "/admin/safety/verify")
    assert "0 entries of cases, " in page.text
    assert "<br>whole<br>head " in page.text
    assert [row[:2] for row in await changes(centre)] == [("gao", "record verified")]
    assert "<br>whole<br>head " in (await client.get("/admin")).text


async def test_backup_is_made_listed_and_tried_out(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    source = Source(url=f"sqlite:///{tmp_path / 'community.db'}", password=None, measured=None)
    centre.means = Means(source=source, backup=BackupEntry(folder=folder))
    async with console_of(centre) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as client:
        await come_in(centre, client)
        page = await press(client, "/admin/safety", "/admin/safety/backup")
        assert BY_HAND in page.text
        assert (folder / BY_HAND).exists()
        tried = await press(client, "/admin/safety", "/admin/safety/restore-check", name=BY_HAND)
        assert f"file {BY_HAND}<br>0 cases, 0 entries" in tried.text
        (folder / BY_HAND).write_bytes(b"torn")
        broken = await press(client, "/admin/safety", "/admin/safety/restore-check", name=BY_HAND)
        assert "failed" in broken.text
        other = await press(client, "/admin/safety", "/admin/safety/restore-check", name="community.db")
        assert other.status_code == 409


async def test_channel_sends_a_test_and_says_what_came_of_it(centre: Centre) -> None:
    sink = HandChannel()
    centre.means = Means(lines=(Line(name="sms", way=Way.SMS, channel=sink, test_to="13600000000"),))
    now = centre.clock.now
    await centre.store.write(lambda connection: channel_health.keep_only(connection, [("sms", Way.SMS)], now))
    async with console_of(centre) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as client:
        await come_in(centre, client)
        page = await press(client, "/admin/channels", "/admin/channels/sms/test")
        assert "the far end has taken it" in page.text
        assert [message.to for message in sink.sent] == ["13600000000"]
    assert await changes(centre) == [("gao", "channel tested", "sms", "the far end has taken it")]


async def test_scripts_are_shown_in_both_languages(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    page = (await client.get("/admin/scripts")).text
    assert "Fall" in page
    assert 'lang="zh"' in page


def kept_rows(page: str, *labels: str) -> list[list[str]]:
    """How long each is kept, how many went, how many wait."""
    rows = re.findall(r"<tr>.*?</tr>", page, re.S)
    found = (next(one for one in rows if f">{label}<" in one) for label in labels)
    return [re.findall(r"<td[^>]*>(.*?)</td>", one)[1:] for one in found]


async def test_what_is_kept_how_long_is_shown_with_what_went_and_what_waits(centre: Centre) -> None:
    undone = {"photos": Bilingual("the disk is full", zh="磁盘满了"), "": "no database"}
    centre.means = Means(retention=RetentionEntry(photo_days=90, runs=True), undone=lambda: undone)
    failed = (
        log_in_failures.insert().values(who=who, failures=1, last_at=at)
        for who, at in ((b"x", centre.clock.now - timedelta(days=3)), (b"y", datetime(2019, 12, 31, tzinfo=UTC)))
    )
    for one in failed:
        await centre.store.write(lambda connection, one=one: connection.execute(one))
    async with console_of(centre) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as client:
        await come_in(centre, client)
        page = (await client.get("/admin/safety")).text
        assert "Nothing is sealed in the record yet" in page
        assert "There was no round yet." in page
        yesterday = centre.clock.now - timedelta(days=1)
        await centre.store.write(lambda connection: round_clock.begin(connection, "2026-11-23", yesterday))
        page = (await client.get("/admin/safety")).text
        assert kept_rows(
            page, "Photos of responders", "Log-ins that failed", "Words, names and evidence of closed cases"
        ) == [
            ["90 days", "0", "0"],
            ["while it is good for something", "0", "1"],
            ["10 years", "0", "0"],
        ]
        assert "1 entry is left though it looks old" in page
        assert 'Photos of responders: <span class="detail">the disk is full</span>' in page
        assert "no database" in page
        assert "Each night from 2 o'clock on" in page.replace("&#39;", "'")
        assert "Nothing is ended by itself" not in page
        note = partial(retention_days.note, day="2026-11-24", kind="photos", number=7, at=centre.clock.now)
        await centre.store.write(note)
        page = (await client.get("/admin/safety")).text
        assert "not at its end yet" in page
        assert '<td data-label="Gone in the last round" class="num">7</td>' in page
        await centre.user("mei", "梅芳", "admin", "zh")
        await client.post("/login", data={"login": "mei", "password": PASSWORD})
        page = (await client.get("/admin/safety")).text
        assert '<span class="detail">磁盘满了</span>' in page
        assert '<span class="detail"><span lang="en">no database</span></span>' in page, "what came in English alone"


async def test_where_nothing_ends_by_itself_the_page_says_so(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    page = (await client.get("/admin/safety")).text
    assert "Nothing is ended by itself." in page
    assert "--dry-run" in page
    assert "Each night from" not in page


async def test_a_kind_that_cannot_be_counted_hides_no_other(
    centre: Centre, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> NoReturn:
        raise msgspec.DecodeError("not json")

    def early(connection: Connection) -> None:
        round_clock.begin(connection, "2026-11-23", centre.clock.now - timedelta(days=1))
        at = centre.clock.now - timedelta(days=3)
        connection.execute(log_in_failures.insert().values(who=b"x", failures=1, last_at=at))

    await centre.store.write(early)
    torn = tuple(replace(one, look=broken) if one.name == "hand-overs" else one for one in retention_rounds.KINDS)
    monkeypatch.setattr(retention_rounds, "KINDS", torn)
    await come_in(centre, client)
    page = (await client.get("/admin/safety")).text
    found = [row[2] for row in kept_rows(page, "Words at hand-overs of shifts", "Log-ins that failed")]
    assert found == ["could not be counted", "1"]


async def test_a_clock_far_ahead_is_not_believed_and_said(centre: Centre, client: httpx.AsyncClient) -> None:
    long_ago = centre.clock.now - timedelta(days=400)
    await centre.store.write(lambda connection: round_clock.begin(connection, "2025-10-20", long_ago))
    await come_in(centre, client)
    assert "The clock is more than 7 days past the last round" in (await client.get("/admin/safety")).text


async def test_a_supervisor_holds_a_case_and_lets_it_go(centre: Centre, client: httpx.AsyncClient) -> None:
    await centre.home(1, "1号楼", "王桂兰", 1944)
    await centre.store.write(lambda connection: stored(connection, walked("CLOSED"), "home-1"))
    await come_in(centre, client, "supervisor", "li")
    action, to = "/admin/safety/hold", "/admin/safety"
    assert (await press(client, to, action, incident_id="77", reason="x")).status_code == 409
    page = await press(client, to, action, incident_id="1", reason="the court asked")
    assert "the court asked" in page.text
    assert "Li" in page.text
    assert (await press(client, to, action, incident_id="1", reason="again")).status_code == 409
    await come_in(centre, client, "auditor", "wu")
    seen = (await client.get(to)).text
    assert "/incidents/1" in seen
    assert "the court asked" not in seen
    await client.post("/login", data={"login": "li", "password": PASSWORD})
    page = await press(client, to, "/admin/safety/let-go")
    assert "the court asked" not in page.text
    sealed = await centre.store.read(seals.check)
    assert (sealed.entries, sealed.faults) == (2, ())
