"""The street map: which marks whom is shown, its tiles, and that nothing but them can be had. Both databases."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote_plus

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, console_of
from fixtures.map_tiles import around, folder_of_tiles, mbtiles_of, picture
from fixtures.plan_homes import TOWER_AT, name_of, phone_of, points, settle, tower
from fixtures.visitor import come_in

from community.dispatch_file import read_yaml
from community.gcj02 import to_gcj02
from community.map_room import MapRoom
from community.map_settings import MapEntry
from community.people import Level
from community.plan import State
from community.plan_room import View
from community.points import Point
from community.registry import HomeRow, PlaceRow, register_of
from community.settings import HomeEntry
from community.store import directory, map_spots, people_erasure, rosters, schema
from community.store import points as stored
from community.store.cases import load as loaded
from community.store.database import Store
from community.store.dispatch import need_of
from community.store.dispatch_schema import home_spots
from community.store.people_dossier import dossier
from community.store.people_export import given_out
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import places, register_changes
from community.users import Role, User
from shouwang.alert import Severity

ZOOMS = (14, 15, 16)
TILES = tuple(around(*TOWER_AT, ZOOMS, reach=1))


@pytest.fixture
async def town(centre: Centre) -> Centre:
    await settle(centre, tower())
    await settle(centre, points())
    alive = schema.gateways.update().values(online=True, last_seen=centre.clock.now)
    await centre.store.write(lambda connection: connection.execute(alive))
    centre.street_map = MapEntry(tiles=folder_of_tiles(centre.folder / "tiles", TILES), attribution="Bureau & Sons")
    return centre


async def leads(browser: httpx.AsyncClient, number: int) -> list[str]:
    """Where the drawing of a case's building leads to on the street map."""
    text = (await browser.get(f"/incidents/{number}")).text
    assert 'id="door-plan"' in text, "the building is drawn"
    assert "leaflet" not in text, "nothing of the map is loaded with the case"
    return re.findall(r'href="/plan/map\?at=([^"]+)"', text)


@pytest.fixture
async def browser(town: Centre) -> AsyncIterator[httpx.AsyncClient]:
    async with console_of(town) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as client:
        yield client


def marks(text: str) -> dict[str, tuple[str, str, str]]:
    """Of each mark: its point, its state and its words."""
    found = re.findall(
        r'<li id="mark-([^"]+)".*?data-at="([^"]+)" data-state="([^"]+)".*?aria-label="([^"]+)"', text, re.DOTALL
    )
    return {name: (at, state, words) for name, at, state, words in found}


async def test_a_building_is_one_mark_with_its_homes_and_others_stand_alone(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await town.alarm("gw-10", "sos", Severity.P1)
    await town.alarm("gw-100", "fall", Severity.P2)
    await come_in(town, browser)
    text = (await browser.get("/plan/map")).text
    assert marks(text) == {
        "place-sunny-1/b8号楼": (
            "30.250000 120.170000",
            "p1",
            "湖滨区 · 阳光社区 · 第一网格 · 8号楼: 23 homes, worst: Open case: LIFE, Open case: LIFE 1",
        ),
        "place-sunny-1/b10号楼": (
            "30.252000 120.173000",
            "well",
            "湖滨区 · 阳光社区 · 第一网格 · 10号楼: 1 home, worst: All well",
        ),
        "home-home-100": (
            "30.247000 120.168000",
            "p2",
            "home-100: 1 home, worst: Open case: URGENT, Open case: URGENT 1",
        ),
    }
    assert 'href="/plan?at=sunny-1%2Fb8' in text
    assert 'href="/incidents/2"' in text
    live = (await browser.get("/plan/map", params={"part": "live"})).text  # the strip above each page names who waits
    assert marks(live) == marks(text)
    assert not [word for number in range(1, 33) for word in (name_of(number), phone_of(number)) if word in live]
    assert "阳光路" not in live


async def test_homes_without_a_point_are_counted_listed_and_never_silently_missing(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(town, browser)
    text = (await browser.get("/plan/map")).text
    assert re.search(r'id="map-without"[^>]*>Without a point <span class="hint">3 homes<', text)
    assert re.findall(r'<li id="without-([^"]+)"', text) == ["none", "river-2/b3号楼"]
    assert "is not on the map" not in text
    await town.alarm("gw-31", "sos", Severity.P1)
    text = (await browser.get("/plan/map", params={"part": "live"})).text
    assert "1 home with an open LIFE or URGENT case is not on the map." in text
    assert 'aria-label="湖滨区 江畔社区 第二网格 3号楼: 2 homes, worst: Open case: LIFE, Open case: LIFE 1"' in text


async def test_who_is_bound_to_an_area_sees_its_marks_alone(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, areas=frozenset({"river"}))
    text = (await browser.get("/plan/map")).text
    assert list(marks(text)) == ["home-home-100"]
    assert "8号楼" not in text
    for hidden in ("sunny", "sunny-1/b8号楼"):
        answer = await browser.get("/plan/map", params={"at": hidden})
        assert answer.status_code == 404
        assert "8号楼" not in answer.text


async def test_one_place_is_shown_and_a_door_leads_to_its_building(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser)
    at = {"at": "sunny-1/b8号楼/u1/f5/d502"}
    text = (await browser.get("/plan/map", params=at)).text
    assert list(marks(text)) == ["place-sunny-1/b8号楼"]
    assert "<h1>8号楼</h1>" in text
    assert (await browser.get("/plan/map", params={"at": "moon"})).status_code == 404
    assert list(marks((await browser.get("/plan/map", params={"at": "river"})).text)) == ["home-home-100"]


async def test_the_plan_offers_the_map_only_where_there_is_one(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"at": "sunny"})).text
    assert '<a href="/plan/map?at=sunny">' in text
    assert '<a href="/plan?at=sunny" aria-current="page">' in text
    town.street_map = None
    async with console_of(town) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as without:
        await without.post("/login", data={"login": "operator", "password": PASSWORD})
        town_without = (await without.get("/plan")).text
        assert "Street map" not in town_without
        assert (await without.get("/plan/map")).status_code == 404
        assert (await without.get("/plan/tiles/14/13660/6726")).status_code == 404


async def test_a_case_leads_to_the_map_where_its_building_has_a_point(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser)
    for box in ("gw-1", "gw-31"):
        await town.alarm(box, "sos", Severity.P1)
    (place,) = await leads(browser, 1)
    assert "<h1>8号楼</h1>" in (await browser.get(f"/plan/map?at={place}")).text
    no_point = sa.update(places).where(places.c.place_id == unquote_plus(place)).values(lat=None, lon=None)
    await town.store.write(lambda connection: connection.execute(no_point))
    assert await leads(browser, 1) == []
    town.street_map = None
    async with console_of(town) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as without:
        await without.post("/login", data={"login": "operator", "password": PASSWORD})
        assert await leads(without, 2) == []


async def test_tiles_are_kept_by_browsers_and_asked_for_again_by_tag(town: Centre, browser: httpx.AsyncClient) -> None:
    z, x, y = TILES[0]
    address = f"/plan/tiles/{z}/{x}/{y}"
    stranger = await browser.get(address)
    assert stranger.url.path == "/login"
    await come_in(town, browser)
    first = await browser.get(address)
    assert first.content == picture(z, x, y)
    assert first.headers["content-type"] == "image/png"
    assert first.headers["cache-control"] == "private, max-age=86400"
    again = await browser.get(address, headers={"if-none-match": f'"old", {first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await browser.get(address, headers={"if-none-match": '"old"'})).status_code == 200
    missing = await browser.get("/plan/tiles/15/0/0")
    assert (missing.status_code, missing.content) == (204, b"")


async def test_no_address_of_a_tile_leads_out_of_the_folder(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser)
    (town.folder / "secret.png").write_bytes(picture(0, 0, 0))
    for tried in (
        "/plan/tiles/../secret/0/0",
        "/plan/tiles/14/../../secret",
        "/plan/tiles/%2e%2e/%2e%2e/secret",
        "/plan/tiles/14/..%2f..%2fsecret/1",
        "/plan/tiles/14/1/..%5c..%5csecret",
        "/plan/tiles/14/1/%00",
        "/plan/tiles/14/1/1.png",
        "/plan/tiles/14/-1/1",
        "/plan/tiles/99/1/1",
        "/plan/tiles/14/1e3/1",
        f"/plan/tiles/14/{'9' * 5000}/1",
    ):
        url = httpx.URL(str(browser.base_url).rstrip("/")).copy_with(raw_path=tried.encode())
        answer = await browser.get(url)
        assert answer.status_code in {404, 422}, tried
        assert not answer.content.startswith(b"\x89PNG")


async def test_one_file_of_tiles_serves_as_well(town: Centre) -> None:
    tile = TILES[-1]
    town.street_map = MapEntry(tiles=mbtiles_of(town.folder / "m.mbtiles", TILES, attribution="<b>Bureau</b>"))
    async with console_of(town) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as browser:
        await come_in(town, browser)
        found = await browser.get(f"/plan/tiles/{tile[0]}/{tile[1]}/{tile[2]}")
        assert found.content == picture(*tile)
        text = (await browser.get("/plan/map")).text
        assert '<p class="map-credit">Bureau</p>' in text
        assert 'data-least="14" data-most="16"' in text


async def test_without_another_host_no_picture_may_come_from_one(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser)
    answer = await browser.get("/plan/map")
    assert "img-src" not in answer.headers["content-security-policy"]
    assert "Bureau &amp; Sons" in answer.text
    assert "your browser asks" not in answer.text
    assert re.search(r'data-tiles="/plan/tiles/\{z\}/\{x\}/\{y\}\?v=[0-9a-f]+"', answer.text)


async def test_another_host_is_named_to_people_and_is_the_only_one_for_pictures(town: Centre) -> None:
    town.street_map = MapEntry(url="https://Tiles.example.org/{z}/{x}/{y}.png", attribution="Bureau")
    async with console_of(town) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as browser:
        await come_in(town, browser)
        for page in ("/plan/map", "/queue"):  # pages take each other's place under the policy of the first
            policy = (await browser.get(page)).headers["content-security-policy"]
            assert [part for part in policy.split("; ") if part.startswith(("img-src", "default-src"))] == [
                "default-src 'self'",
                "img-src 'self' https://tiles.example.org",
            ]
        assert "The streets come from tiles.example.org: your browser asks it" in (await browser.get("/plan/map")).text
        assert (await browser.get("/plan/tiles/14/1/1")).status_code == 204


async def test_a_chinese_map_gets_shifted_points_and_the_register_does_not(town: Centre) -> None:
    assert town.street_map is not None
    room = MapRoom(town.store, town.street_map.model_copy(update={"datum": "gcj02"}), clock=town.clock)
    operator = User(user_id="u", login="u", name="u", role=Role.OPERATOR, language="zh")
    found = await room.overview(operator, "sunny-1/b8号楼")
    assert found is not None
    assert found.marks[0].point == to_gcj02(Point(lat=TOWER_AT[0], lon=TOWER_AT[1]))
    kept = await town.store.read(lambda c: c.execute(sa.select(places.c.lat).where(places.c.lat.is_not(None))).scalar())
    assert kept == TOWER_AT[0]


async def test_too_many_marks_leave_out_none_that_is_worse(
    town: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.map_room.MARKS", 1)
    await town.alarm("gw-100", "fall", Severity.P2)
    await come_in(town, browser)
    text = (await browser.get("/plan/map")).text
    assert list(marks(text)) == ["home-home-100"]
    assert "2 more marks are not shown" in text


async def test_an_empty_map_says_what_is_missing(town: Centre, browser: httpx.AsyncClient) -> None:
    await town.store.write(
        lambda c: (c.execute(sa.update(places).values(lat=None, lon=None)), c.execute(sa.delete(home_spots)))
    )
    await settle(town, iter([PlaceRow(id="lake", level=Level.DISTRICT, code="1", name="湖滨区", lat=30.2, lon=120.1)]))
    await come_in(town, browser)
    text = (await browser.get("/plan/map")).text
    assert "No home here has a point on the map yet" in text
    assert 'data-centre="30.200000 120.100000"' in text


# ---- the register ----


async def point(store: Store, home_id: str) -> Point | None:
    return await store.read(lambda connection: stored.point_of(connection, home_id))


async def test_a_home_stands_where_it_says_else_where_its_building_does(town: Centre) -> None:
    tower_at = Point(lat=TOWER_AT[0], lon=TOWER_AT[1])
    assert await point(town.store, "home-010") == tower_at
    assert await point(town.store, "home-031") is None
    assert await point(town.store, "home-101") is None
    await settle(town, iter([HomeRow(id="home-032", address="a", lat=30.3, lon=120.2)]))
    assert await point(town.store, "home-031") == Point(lat=30.3, lon=120.2)  # the middle of its building
    await settle(town, iter([HomeRow(id="home-032", address="a", lat=None, lon=None)]))
    assert await point(town.store, "home-032") is None


async def test_whoever_is_sent_is_measured_from_the_same_point(town: Centre) -> None:
    await town.alarm("gw-10", "sos", Severity.P1)
    case = (await town.desk.board()).rows[0]

    def read(connection: sa.Connection) -> tuple[float | None, float | None]:
        need = need_of(connection, loaded(connection, case.incident_id))
        return need.lat, need.lon

    assert await town.store.read(read) == TOWER_AT
    file = read_yaml("homes:\n  - {home: home-010, door_note: 北门}\n", name="d.yaml")
    await settle(town, iter([HomeRow(id="home-010", address="a", lat=30.26, lon=120.18)]))
    await town.store.write(lambda connection: rosters.bring_in(connection, file, town.clock.now))
    assert await town.store.read(read) == (30.26, 120.18)  # the file that does not write it leaves it


async def test_a_register_given_out_and_taken_in_again_changes_nothing(town: Centre) -> None:
    register = await town.store.read(given_out)
    told = {row.id: (row.lat, row.lon) for row in register.rows(HomeRow) if row.lat is not None}
    assert set(told) == {"home-030", "home-100"}
    assert [(row.id, row.lat) for row in register.rows(PlaceRow) if row.lat is not None] == [("sunny-1/b8号楼", 30.25)]
    tally = Tally()
    hand = Hand(by="t", at=town.clock.now)
    await town.store.write(lambda connection: take_in(connection, register, hand, tally))
    assert tally.touched == 0


async def test_a_dry_run_tells_what_would_move_and_moves_nothing(town: Centre) -> None:
    tally = Tally()
    hand = Hand(by="t", at=town.clock.now, dry=True)
    row = register_of([HomeRow(id="home-030", address="阳光路30弄", lat=30.5, lon=120.173)])
    await town.store.write(lambda connection: take_in(connection, row, hand, tally))
    assert tally.changes == ["homes home-030: lat '30.252' -> '30.5'"]
    assert await point(town.store, "home-030") == Point(lat=30.252, lon=120.173)


async def test_the_file_of_the_centre_tells_points_too(store: Store) -> None:
    entry = {"id": "h-1", "gateway": "g-1", "address": "a", "resident": {"id": "r-1", "name": "n"}}
    homes = [HomeEntry.model_validate(entry | {"lat": 31.0, "lon": 121.0})]
    await store.write(lambda connection: directory.bring_in(connection, homes))
    assert await point(store, "h-1") == Point(lat=31.0, lon=121.0)
    await store.write(lambda connection: directory.bring_in(connection, [HomeEntry.model_validate(entry)]))
    assert await point(store, "h-1") == Point(lat=31.0, lon=121.0)


async def test_whoever_is_erased_leaves_no_point_and_neighbours_keep_theirs(town: Centre) -> None:
    now = town.clock.now
    alone = PlaceRow(id="sunny-1/b10号楼", level=Level.BUILDING, within="sunny-1", code="10号楼", name="10号楼")
    for lat in (30.4, 30.41):
        await settle(town, iter([alone.model_copy(update={"lat": lat, "lon": 120.4})]))
    for row in (
        PlaceRow(
            id=alone.id, level=Level.BUILDING, within="sunny-1", code="10号楼", name="10号楼", lat=30.41, lon=120.4
        ),
        HomeRow(id="home-010", address="a", lat=30.9, lon=120.9),
    ):
        await settle(town, iter([row]))

    def look(connection: sa.Connection) -> str:
        return str(dossier(connection, "resident-030", by="z", at=now, reason="asked").point)

    assert "30.252" in await town.store.write(look)
    for who in ("resident-030", "resident-010"):
        await town.store.write(
            lambda connection, who=who: people_erasure.erase(connection, who, by="z", at=now, reason="asked")
        )

    def left(connection: sa.Connection) -> tuple[str, ...]:
        tables = (home_spots, places, register_changes)
        return tuple(str(connection.execute(sa.select(table)).all()) for table in tables)

    everything = "".join(await town.store.read(left))
    assert [number for number in ("30.252", "30.41", "30.9", "120.9") if number in everything] == []
    assert "30.25," in everything  # of building 8, where others live
    assert await point(town.store, "home-011") == Point(lat=TOWER_AT[0], lon=TOWER_AT[1])


# ---- both databases ----


async def test_both_databases_put_homes_on_the_map_alike(store: Store, tmp_path: Path) -> None:
    from fixtures.browser import BEGIN

    hand = Hand(by="test", at=BEGIN)
    for rows in (tower(), points()):
        await store.write(lambda connection, rows=rows: take_in(connection, register_of([*rows]), hand, Tally()))
    user = User(user_id="u", login="u", name="u", role=Role.OPERATOR, language="zh")
    entry = MapEntry(tiles=folder_of_tiles(tmp_path / "t", TILES[:1]))
    found = await MapRoom(store, entry, clock=lambda: BEGIN).overview(user)
    assert found is not None
    assert [(mark.mark_id, mark.homes, mark.worst) for mark in found.marks] == [
        ("home-home-100", 1, State.NEVER),
        ("place-sunny-1/b8号楼", 23, State.NEVER),
        ("place-sunny-1/b10号楼", 1, State.NEVER),
    ]
    assert found.lost == 4  # with the demo home, which has no place

    def alone(connection: sa.Connection) -> list[str]:
        view = View(connection, user, BEGIN)  # type: ignore[arg-type]
        return [home.home_id for home, _ in map_spots.spread(view.seen, 10)[1]]

    assert await store.read(alone) == ["home-100"]
