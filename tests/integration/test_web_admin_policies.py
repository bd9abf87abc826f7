"""Policies at the console: proposed as a form, tried on past cases, put in force by a second person, for new cases."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fixtures.browser import PASSWORD, Centre
from fixtures.casework import Casework
from fixtures.kpi_cases import stored

from community.policy import numbers_of
from community.store import admin, cases
from community.web.fact_words import plain
from community.web.language import Language
from community.web.policy_form import written
from community.workflow import keep_policies, workflow
from shouwang.alert import Severity

PROPOSE = "/admin/policies/emergency"
SHIPPED = workflow("emergency").version


@pytest.fixture(autouse=True)
def _forget_policies() -> "object":
    keep_policies((), is_all=True)
    yield
    keep_policies((), is_all=True)


@pytest.fixture
async def people(centre: Centre, console_url: str) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Two administrators, a supervisor and an auditor, each at a browser of his own."""
    found: dict[str, httpx.AsyncClient] = {}
    for login, role in (("gao", "admin"), ("lin", "admin"), ("chen", "supervisor"), ("shen", "auditor")):
        await centre.user(login, login.title(), role, "en")
        found[login] = httpx.AsyncClient(base_url=console_url, follow_redirects=True)
        await found[login].post("/login", data={"login": login, "password": PASSWORD})
    yield found
    for one in found.values():
        await one.aclose()


async def form(client: httpx.AsyncClient, **changes: object) -> dict[str, object]:
    """What the page sends, with these fields changed."""
    page = (await client.get(PROPOSE)).text
    hidden = dict(re.findall(r'<input type="hidden" name="(csrf|seen)" value="([^"]*)"', page))
    hidden["csrf"] = re.search(r'name="csrf" value="([^"]*)"', page)[1]  # type: ignore[index]
    fields = {name: list(values) for name, values in written(numbers_of(workflow("emergency"))).items()}
    return {**fields, **hidden, "reason": "most are answered sooner", **changes}


async def propose(client: httpx.AsyncClient, **changes: object) -> httpx.Response:
    return await client.post(PROPOSE, data=await form(client, **changes))


async def decide(client: httpx.AsyncClient, proposal: str, word: str) -> httpx.Response:
    csrf = re.search(r'name="csrf" value="([^"]*)"', (await client.get(proposal)).text)
    assert csrf is not None
    return await client.post(f"{proposal}/{word}", data={"csrf": csrf[1]})


async def opened(centre: Centre, number: int) -> object:
    """A life alarm of a new home; its case."""
    box = await centre.home(number, f"{number}号楼", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    return await centre.store.read(lambda connection: cases.load(connection, number))


async def test_second_person_puts_it_in_force_for_new_cases_only(
    centre: Centre, people: dict[str, httpx.AsyncClient]
) -> None:
    old = await opened(centre, 1)
    page = await propose(people["gao"], **{"limit.ack.P1": "45s"})
    proposal = page.url.path
    assert proposal.startswith("/admin/policies/proposals/")
    assert "1 min</del>" in page.text
    assert "45 s</ins>" in page.text
    still = await opened(centre, 2)
    done = await decide(people["lin"], proposal, "approve")
    assert "in force" in done.text
    new = await opened(centre, 3)
    kept = await centre.store.read(lambda connection: cases.load(connection, 1))
    limits = [(case.policy, case.clock("ack").limit_ms) for case in (old, still, kept, new)]
    assert limits == [(SHIPPED, 60_000)] * 3 + [(1001, 45_000)]
    told = await centre.store.read(lambda connection: admin.changes(connection, limit=2))
    assert [(one.actor, one.what, one.whom) for one in told] == [
        ("lin", "policy approved", "emergency@1001"),
        ("gao", "policy proposed", "emergency@1001"),
    ]
    assert all("LIFE · answer: 1 min → 45 s" in plain(one.detail, Language.EN, str) for one in told)


async def test_nobody_approves_his_own_and_only_an_admin_approves(
    centre: Centre, people: dict[str, httpx.AsyncClient]
) -> None:
    mine = (await propose(people["gao"], **{"limit.ack.P1": "45s"})).url.path
    own = await decide(people["gao"], mine, "approve")
    assert own.status_code == 403
    assert "second person" in own.text
    for login in ("chen", "shen"):
        assert (await decide(people[login], mine, "approve")).status_code == 403
    assert (await opened(centre, 1)).policy == SHIPPED
    theirs = (await propose(people["chen"], **{"limit.ack.P1": "50s"})).url.path
    assert (await decide(people["gao"], theirs, "approve")).status_code == 200
    assert (await opened(centre, 2)).clock("ack").limit_ms == 50_000


async def test_auditor_reads_and_proposes_nothing(people: dict[str, httpx.AsyncClient]) -> None:
    page = await people["shen"].get(PROPOSE)
    assert page.status_code == 200
    assert "readonly" in page.text
    assert (await people["shen"].post(PROPOSE, data={})).status_code == 403


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limit.ack.P1": "10m"}, "between 15 s and 2 min"),
        ({"limit.ack.P1": "soon"}, "&#34;soon&#34; cannot be read"),
        ({"at.P1.0": "30s"}, "the first ring cannot wait"),
        ({"at.P1.4": "20m"}, "rung 5: between 1 s and 10 min"),
        ({"call.P1.4": []}, "it calls nobody"),
        ({}, "nothing would change"),
    ],
)
async def test_numbers_out_of_bounds_come_back_with_what_was_written(
    people: dict[str, httpx.AsyncClient], changes: dict[str, object], said: str
) -> None:
    page = await propose(people["gao"], **changes)
    assert page.status_code == 409
    assert said in page.text
    assert "most are answered sooner" in page.text
    for text in changes.values():
        assert not text or f'value="{text}"' in page.text
    assert "Nothing has been proposed yet" in (await people["gao"].get("/admin/policies")).text


async def test_proposal_over_an_older_version_is_refused_at_both_ends(people: dict[str, httpx.AsyncClient]) -> None:
    stale = await form(people["gao"], **{"limit.ack.P1": "40s"})
    first = (await propose(people["gao"], **{"limit.ack.P1": "45s"})).url.path
    second = (await propose(people["gao"], **{"limit.ack.P1": "50s"})).url.path
    assert (await decide(people["lin"], first, "approve")).status_code == 200
    late = await decide(people["lin"], second, "approve")
    assert late.status_code == 409
    assert "Somebody has changed this" in late.text
    assert (await people["gao"].post(PROPOSE, data=stale)).status_code == 409
    assert (await decide(people["lin"], first, "approve")).status_code == 409


async def test_proposal_is_refused_or_taken_back(people: dict[str, httpx.AsyncClient]) -> None:
    for login in ("lin", "gao"):
        proposal = (await propose(people["gao"], **{"limit.ack.P1": "45s"})).url.path
        assert (await decide(people["chen"], proposal, "refuse")).status_code == 403
        assert (await decide(people[login], proposal, "refuse")).url.path == "/admin/policies"
        assert (await decide(people["lin"], proposal, "approve")).status_code == 409


async def test_earlier_numbers_come_back_as_a_new_version(centre: Centre, people: dict[str, httpx.AsyncClient]) -> None:
    first = (await propose(people["gao"], **{"limit.ack.P1": "45s"})).url.path
    await decide(people["lin"], first, "approve")
    second = (await propose(people["gao"])).url.path
    await decide(people["lin"], second, "approve")
    assert "like=1" in (await people["gao"].get(first)).text
    assert 'value="45s"' in (await people["gao"].get(f"{PROPOSE}?like=1")).text
    case = await opened(centre, 1)
    assert (case.policy, case.clock("ack").limit_ms) == (1002, 60_000)


async def test_trial_shows_what_the_month_would_have_been(centre: Centre, people: dict[str, httpx.AsyncClient]) -> None:
    work = Casework()
    work.wait(45)
    work.order("ack")
    await centre.store.write(lambda connection: stored(connection, work, "home-a"))
    page = await propose(people["gao"], **{"limit.ack.P1": "40s"})
    text = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
    assert "1 case of this kind" in text
    assert "Red cards 0 → 1" in text
    assert "Answer 1 1 → 1 0 → 1" in text or "answer 1 1 → 1 0 → 1" in text


async def test_old_proof_is_asked_anew(centre: Centre, people: dict[str, httpx.AsyncClient]) -> None:
    centre.clock.later(hours=1)
    assert (await propose(people["gao"], **{"limit.ack.P1": "45s"})).status_code == 409
    assert (await propose(people["gao"], **{"limit.ack.P1": "45s", "proof": PASSWORD})).status_code == 200
