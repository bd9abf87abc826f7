"""The roster of the week and the tree of places at the console."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.visitor import fields, press

from community.dispatch_file import read_yaml
from community.registry_batches import batches
from community.registry_demo import demo
from community.store import admin, rosters
from community.store.dispatch_schema import absences
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import places, register_changes
from community.web.fact_words import plain
from community.web.language import Language

# The centre's clock stands at 2026-11-24 03:12:44 in Shanghai, a Tuesday.
ROSTER = """
duties:
  - {post: operator, person: zhang, from: "08:00", to: "20:00"}
  - {post: operator, person: zhang, from: "20:00", to: "08:00"}
  - {post: operator, person: li, as: backup, from: "00:00", to: "00:00", days: [tue, wed, thu, fri, sat]}
"""


@pytest.fixture
async def client(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as found:
        yield found


async def come_in(centre: Centre, client: httpx.AsyncClient, role: str = "admin") -> None:
    await centre.user("gao", "Gao", role, "en")
    await client.post("/login", data={"login": "gao", "password": PASSWORD})


async def roster(centre: Centre) -> None:
    await centre.user("zhang", "张琳")
    await centre.user("li", "李敏")
    file = read_yaml(ROSTER, name="roster.yaml")
    await centre.store.write(lambda connection: rosters.bring_in(connection, file, centre.clock.now))


async def district(centre: Centre) -> None:
    hand = Hand(by="import", at=centre.clock.now)
    for part in batches(demo()):
        await centre.store.write(lambda connection, part=part: take_in(connection, part, hand, Tally()))


async def changes(centre: Centre) -> list[tuple[str, str, str, str]]:
    rows = await centre.store.read(lambda connection: admin.changes(connection, limit=20))
    return [(row.actor, row.what, row.whom, plain(row.detail, Language.EN, str)) for row in rows]


async def all_of(centre: Centre, *columns: "sa.Column[object]") -> list[tuple[object, ...]]:
    return [tuple(row) for row in await centre.store.read(lambda one: one.execute(sa.select(*columns)).all())]


def day(page: str, number: str) -> str:
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    return next(re.sub(r"<[^>]+>", " ", row) for row in rows if f">{number}<" in row)


# ---- the roster ----


async def test_week_shows_who_is_on_duty_and_the_holes(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await roster(centre)
    page = (await client.get("/admin/rosters")).text
    tuesday, sunday = day(page, "11-24"), day(page, "11-29")
    assert "complete" in tuesday
    assert re.search(r"00:00–24:00\s+李敏\s+back-up", tuesday)
    assert re.search(r"08:00–20:00\s+张琳", tuesday)
    assert re.search(r"no back-up\s+00:00–24:00", sunday), "in words, not by colour alone"
    assert "11-30" in page
    assert "12-01" not in page


async def test_absence_makes_a_hole_and_its_end_closes_it(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await roster(centre)
    at = "/admin/rosters"
    told = {"person": "zhang", "start": "2026-11-25T08:00", "end": "2026-11-25T20:00", "reason": "病假"}
    page = (await press(client, at, f"{at}/absences", **told)).text
    assert re.search(r"no operator\s+08:00–20:00", day(page, "11-25"))
    assert re.search(r"08:00–20:00\s+张琳\s+absent", day(page, "11-25"))
    assert "2026-11-25 08:00" in page
    assert ("gao", "absence told", "zhang", "2026-11-25 08:00 - 2026-11-25 20:00") in await changes(centre)
    number = (await all_of(centre, absences.c.absence_id))[0][0]
    page = (await press(client, at, f"{at}/absences/{number}/end")).text
    assert "complete" in day(page, "11-25")
    assert await all_of(centre, absences.c.absence_id) == [], "it had not begun"
    assert ("gao", "absence ended", "zhang", "2026-11-25 08:00 - 2026-11-25 20:00") in await changes(centre)


async def test_absence_that_has_begun_ends_now_and_stays_on_file(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await roster(centre)
    at = "/admin/rosters"
    await press(client, at, f"{at}/absences", person="li", start="2026-11-24T00:00", end="2026-11-26T00:00")
    page = (await client.get(at)).text
    action = next(iter(re.findall(r'action="(/admin/rosters/absences/\d+/end)"', page)))
    sent = fields(page, action)
    await client.post(action, data=sent)
    assert await all_of(centre, absences.c.ends_at) == [(centre.clock.now,)]
    centre.clock.now += timedelta(seconds=1)
    assert (await client.post(action, data=sent)).status_code == 409


async def test_wrong_absences_are_refused(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await roster(centre)
    right = {"person": "zhang", "start": "2026-11-25T08:00", "end": "2026-11-25T20:00"}
    for wrong in (
        {"person": "nobody"},
        {"end": "2026-11-25T08:00"},
        {"end": "2028-01-01T00:00"},
        {"start": "2026-11-20T08:00", "end": "2026-11-21T08:00"},
        {"start": "0001-01-01T00:00"},
    ):
        answer = await press(client, "/admin/rosters", "/admin/rosters/absences", **right | wrong)
        assert answer.status_code == 409, wrong
    assert await all_of(centre, absences.c.absence_id) == []
    assert (await client.post("/admin/rosters/absences", data={"csrf": "x"} | right)).status_code == 403


async def test_reason_is_for_who_plans_alone(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "regulator")
    await roster(centre)
    row = {"person": "li", "starts_at": centre.clock.now, "ends_at": centre.clock.later(hours=5), "reason": "手术"}
    await centre.store.write(lambda connection: connection.execute(sa.insert(absences).values(row)))
    centre.clock.later(hours=-4)
    page = (await client.get("/admin/rosters")).text
    assert "李敏" in page
    assert "手术" not in page
    assert '<form method="post" action="/admin' not in page


# ---- places ----


async def test_tree_counts_homes_a_step_at_a_time(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "auditor")
    await district(centre)
    top = (await client.get("/admin/places")).text
    assert "浦江区" in top
    assert re.search(r'class="count">40<', top)
    rows = await all_of(centre, places.c.place_id, places.c.parent_id)
    communities = sorted(str(one) for one, around in rows if around == "pujiang")
    inside = (await client.get("/admin/places?at=pujiang")).text
    counts = [int(one) for one in re.findall(r'class="count">(\d+)<', inside)]
    assert len(counts) == len(communities) == 2
    assert sum(counts) == 40
    door = max((str(one) for one, _ in rows), key=len)
    assert "1 home" in (await client.get("/admin/places", params={"at": door})).text
    assert 'name="seen"' not in inside, "an auditor changes nothing"
    assert (await client.get("/admin/places?at=nowhere")).status_code == 404


async def test_search_finds_by_words_and_takes_no_pattern(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await district(centre)
    assert "浦江区" in (await client.get("/admin/places", params={"q": "浦江"})).text
    assert "No place is called so" in (await client.get("/admin/places", params={"q": "%_%"})).text
    odd = (await client.get("/admin/places", params={"q": "<script>x"})).text
    assert "<script>x" not in odd


async def test_place_is_renamed_and_a_grid_moved(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await district(centre)
    rows = await all_of(centre, places.c.place_id, places.c.level)
    one, other = sorted(str(place) for place, level in rows if level == "community")
    grid = next(str(place) for place, level in rows if level == "grid" and str(place).startswith(one))
    at = f"/admin/places?at={grid}"
    page = (await press(client, at, "/admin/places/name", name="<b>东片</b>")).text
    assert "&lt;b&gt;东片" in page
    assert "<b>东片" not in page
    stale = fields(page, "/admin/places/within")
    await press(client, at, "/admin/places/within", within=other)
    found = {row[0]: row[1:] for row in await all_of(centre, places.c.place_id, places.c.parent_id, places.c.name)}
    assert found[grid] == (other, "<b>东片</b>")
    assert ("gao", "place moved", grid, f"lies in: {one} → {other}") in await changes(centre)
    assert "gao" in {row[0] for row in await all_of(centre, register_changes.c.by)}
    late = await client.post("/admin/places/within", data=stale | {"within": one})
    assert late.status_code == 409
    assert "Somebody has changed this" in late.text


async def test_tree_keeps_its_order_of_levels(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client)
    await district(centre)
    rows = await all_of(centre, places.c.place_id, places.c.level)
    grid, other = sorted(str(place) for place, level in rows if level == "grid")[:2]
    building = next(str(place) for place, level in rows if level == "building")
    for at, action, more in (
        (grid, "within", {"within": other}),
        (grid, "within", {"within": "nowhere"}),
        (grid, "name", {"name": "\u202e\u0007"}),
    ):
        answer = await press(client, f"/admin/places?at={at}", f"/admin/places/{action}", **more)
        assert answer.status_code == 409, more
    page = (await client.get("/admin/places", params={"at": building})).text
    sent = fields(page, "/admin/places/name")
    assert "/admin/places/within" not in page
    assert (await client.post("/admin/places/within", data=sent | {"within": "pujiang"})).status_code == 409
    assert (await client.post("/admin/places/name", data=sent | {"csrf": "x", "name": "y"})).status_code == 403
    assert len(await changes(centre)) == 0
