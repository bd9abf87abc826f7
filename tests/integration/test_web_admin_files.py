"""Files brought in at the console: looked at first, taken in as looked at, and nothing of persons."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.visitor import come_in

from community.file_room import KEPT_FOR, MOST_BYTES, plain_name
from community.store import admin, schema
from community.store.dispatch_schema import responders, units
from community.store.people_schema import places, register_changes

UNITS = "id,name,kind\ngrid-1,一号网格组,grid\n"
PLACES = "id,level,name,within\nd,district,浦江区,\nc,community,阳光,d\nx,grid,迷路,nowhere\n"


@pytest.fixture
async def client(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as found:
        yield found


async def csrf(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', (await client.get("/admin/files")).text)
    assert found is not None
    return found[1]


async def send(
    client: httpx.AsyncClient, name: str, text: str | bytes, kind: str = "register", **more: str
) -> httpx.Response:
    body = text.encode() if isinstance(text, str) else text
    fields = {"csrf": await csrf(client), "kind": kind} | more
    return await client.post("/admin/files", data=fields, files={"file": (name, body)})


async def confirm(client: httpx.AsyncClient, page: httpx.Response, **more: str) -> httpx.Response:
    digest = re.search(r'name="digest" value="(\w+)"', page.text)
    assert digest is not None
    return await client.post("/admin/files/confirm", data={"csrf": await csrf(client), "digest": digest[1]} | more)


async def all_of(centre: Centre, *columns: "sa.Column[object]") -> list[tuple[object, ...]]:
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(*columns)).all())
    return sorted(tuple(row) for row in rows)


async def changes(centre: Centre) -> list[tuple[str, str, str]]:
    rows = await centre.store.read(lambda connection: admin.changes(connection, limit=20))
    return [(row.actor, row.what, row.whom) for row in rows]


async def test_units_are_looked_at_then_taken_in(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, "list.csv", UNITS, "dispatch")
    assert page.status_code == 200
    assert "units: 1" in page.text
    assert await all_of(centre, units.c.unit_id) == [], "nothing is written at the preview"
    assert await changes(centre) == []
    done = await confirm(client, page)
    assert "Taken in: list.csv" in done.text
    assert await all_of(centre, units.c.unit_id) == [("grid-1",)]
    assert ("gao", "file taken in", "list.csv") in await changes(centre)
    assert (await confirm(client, page)).status_code == 409, "pressed twice"


async def test_who_is_no_longer_named_is_told_before(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    await confirm(client, await send(client, "a.csv", UNITS, "dispatch"))
    page = await send(client, "a.csv", UNITS.replace("grid-1", "grid-2"), "dispatch")
    assert "units that the file no longer names, asked no more: grid-1" in page.text
    assert await all_of(centre, units.c.unit_id, units.c.is_active) == [("grid-1", True)]


async def test_places_are_taken_in_and_bad_rows_left_out_by_line(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, "places.csv", PLACES)
    assert "places: 2 new, 0 changed, 0 as before" in page.text
    assert "places.csv:4: nowhere is not on file" in page.text
    assert await all_of(centre, places.c.place_id) == []
    done = await confirm(client, page)
    assert done.status_code == 200
    assert await all_of(centre, places.c.place_id) == [("c",), ("d",)]
    assert {by for by, *_ in await all_of(centre, register_changes.c.by, register_changes.c.change_id)} == {"gao"}
    assert ("gao", "file taken in", "places.csv") in await changes(centre)


async def test_complaints_come_by_line_and_leave_nothing_to_confirm(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    wrong = UNITS + "u2,二组,nonsense\n"
    page = await send(client, "list.csv", wrong, "dispatch")
    assert page.status_code == 409
    assert "list.csv:3: kind" in page.text
    assert 'name="digest"' not in page.text
    stranger = await send(client, "people.csv", "id,name,unit\nli,李,nobody\n", "dispatch")
    assert "nobody, which nobody knows here" in stranger.text
    assert await all_of(centre, responders.c.responder_id) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("residents.csv", "id,home,name\nr,h,王\n"),
        ("contacts.csv", "resident,order,name,phones\nr,0,王,1380000\n"),
        ("consents.csv", "resident,purpose,given,by,at\nr,emergency,yes,王,2026-01-01\n"),
        ("homes.csv", "id,address,conditions\nh,街 1 号,冠心病\n"),
        ("homes.csv", 'id,address,"flags"\nh,街 1 号,oxygen\n'),
        ("all.yaml", "places:\n  - {id: d, level: district, name: 区}\nresidents:\n  - {id: r, home: h, name: 王}\n"),
        ("all.yaml", "{residents: [{id: r, home: h, name: 王, conditions: [冠心病]}]}"),
        ("all.yaml", "residents:\n  - {id: r, conditions: 冠心病\n"),
        ("homes.yaml", "homes:\n  - id: h\n    address: 街\n    conditions: [冠心病]\n"),
    ],
)
async def test_nothing_of_persons_is_taken_or_shown(
    centre: Centre, client: httpx.AsyncClient, name: str, text: str
) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, name, text)
    assert page.status_code == 409
    assert "shouwang community people import" in page.text
    assert "冠心病" not in page.text
    assert 'name="digest"' not in page.text
    assert await all_of(centre, schema.homes.c.home_id) == []


async def test_only_what_this_session_looked_at_is_taken(
    centre: Centre, client: httpx.AsyncClient, console_url: str
) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, "list.csv", UNITS, "dispatch")
    other_bytes = await confirm(client, page, digest="0" * 64)
    assert other_bytes.status_code == 409
    assert "not the file that you looked at" in other_bytes.text
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as other:
        await come_in(centre, other, "admin", login="lin")
        assert (await confirm(other, page)).status_code == 409
    await send(client, "list.csv", UNITS.replace("grid-1", "grid-9"), "dispatch")
    assert (await confirm(client, page)).status_code == 409, "another file was looked at since"
    assert await all_of(centre, units.c.unit_id) == []


async def test_preview_is_good_for_a_quarter_of_an_hour(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, "list.csv", UNITS, "dispatch")
    centre.clock.now += KEPT_FOR
    assert (await confirm(client, page, proof=PASSWORD)).status_code == 409
    assert await all_of(centre, units.c.unit_id) == []


async def test_what_changed_since_the_preview_is_looked_at_anew(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, "places.csv", PLACES)
    row = {"place_id": "c", "parent_id": None, "level": "district", "code": "", "name": "别人写的"}
    await centre.store.write(lambda connection: connection.execute(sa.insert(places).values(row)))
    answer = await confirm(client, page)
    assert answer.status_code == 409
    assert "Somebody has changed this" in answer.text
    assert await all_of(centre, places.c.place_id) == [("c",)]


async def test_both_steps_ask_who_it_is_and_for_our_own_form(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    page = await send(client, "list.csv", UNITS, "dispatch")
    assert (await confirm(client, page, csrf="x")).status_code == 403
    assert (await send(client, "list.csv", UNITS, "dispatch", csrf="x")).status_code == 403
    centre.clock.now += timedelta(minutes=16)
    assert (await send(client, "list.csv", UNITS, "dispatch")).status_code == 409
    page = await send(client, "list.csv", UNITS, "dispatch", proof=PASSWORD)
    assert page.status_code == 200
    assert await all_of(centre, units.c.unit_id) == []


async def test_too_large_empty_or_not_utf_8(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    assert (await send(client, "places.csv", b"x" * (MOST_BYTES + 1))).status_code == 409
    assert (await send(client, "places.csv", b"x" * (MOST_BYTES + 40_000))).status_code == 413
    assert (await client.post("/admin/files/confirm", content=b"x" * 70_000)).status_code == 413, "this address only"
    assert "empty" in (await send(client, "places.csv", b" \n")).text
    for kind in ("register", "dispatch"):
        page = await send(client, "places.csv", PLACES.encode("gb18030"), kind)
        assert page.status_code == 409
        assert "UTF-8" in page.text


async def test_names_are_shown_as_text(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    row = {"place_id": "d", "parent_id": None, "level": "district", "code": "", "name": "区"}
    await centre.store.write(lambda connection: connection.execute(sa.insert(places).values(row)))
    evil = 'id,level,name\nd,district,"=HYPERLINK(1)<script>alert(1)</script>"\n'
    page = await send(client, "places.csv", evil)
    assert "<script>alert" not in page.text
    assert "=HYPERLINK(1)&lt;script&gt;" in page.text
    done = await confirm(client, page)
    assert "<script>alert" not in done.text
    strange = await send(client, "<b>x.csv", "nothing\n", "dispatch")
    assert "<b>x" not in strange.text
    assert plain_name("..\\..\\C:/etc/pass\x00wd.csv") == "passwd.csv"


async def test_file_with_too_many_entries_is_for_the_command(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao")
    many = "id,name,kind\n" + "".join(f"u-{number},组,grid\n" for number in range(2001))
    page = await send(client, "list.csv", many, "dispatch")
    assert page.status_code == 409
    assert "more than 2000 entries" in page.text


@pytest.mark.parametrize(
    ("name", "text", "kind", "said"),
    [
        ("list.csv", UNITS + "u2,二组,nonsense\n", "dispatch", "list.csv:3: kind：只能写："),
        ("list.csv", "id,name,kind,phone\nu2,二组,grid,abc\n", "dispatch", "“abc”不是电话号码"),
        ("list.csv", "a,b\n", "dispatch", "表头对不上任何一种清单"),
        ("people.csv", "id,name,unit\nli,李,nobody\n", "dispatch", ""),
        ("grids.csv", "id,worker,backup\ng,li,li\n", "dispatch", "不能做自己的备岗"),
        ("all.yaml", "units: {a: 1}\n", "dispatch", "all.yaml:1: units：这里要列表，不能是若干键；"),
        ("all.yaml", "unit: []\n", "dispatch", "这里没有这个键；是不是想写“units”？"),
        ("all.yaml", "units：[]\n", "dispatch", "用了中文冒号"),
        ("places.csv", PLACES, "register", "places.csv:4：nowhere 没有登记；这里可以写：c, d"),
        ("places.csv", "id,level,name,lat\nd,district,区,131\n", "register", "lat 和 lon 是不是写反了"),
        ("places.csv", "id,levl,name\nd,district,区\n", "register", "没有“levl”这一栏；是不是想写“level”？"),
        ("places.csv", "id,level,name,within\nd,distric,区,\n", "register", "这里不能写“distric”"),
        ("homes.csv", "id,address,grid\nh h,街,\n", "register", "“h h”不能写在这里；最多 64 个英文字母"),
        ("homes.csv", "id,address,building\nh,街,3\n", "register", "没有写网格"),
        ("devices.csv", "id,home\nd-1,nowhere\n", "register", "住户 nowhere 没有登记"),
        ("places.txt", "x", "register", "既不是 .yaml 文件"),
    ],
)
async def test_what_is_wrong_in_which_line_is_told_in_chinese(
    centre: Centre, client: httpx.AsyncClient, *, name: str, text: str, kind: str, said: str
) -> None:
    await come_in(centre, client, "admin", login="gao", language="zh")
    page = (await send(client, name, text, kind)).text
    lists = re.findall(r'<ul class="plain told-lines">(.*?)</ul>', page, re.DOTALL)
    assert lists, page
    assert said in "".join(lists)
    assert "lang=" not in "".join(lists), "nothing is left in English"


async def test_what_a_file_changes_is_told_in_chinese(centre: Centre, client: httpx.AsyncClient) -> None:
    await come_in(centre, client, "admin", login="gao", language="zh")
    page = await send(client, "places.csv", PLACES)
    assert "地点：新增 2，改动 0，不变 0" in page.text
    await confirm(client, page)
    again = await send(client, "places.csv", PLACES.replace("阳光", "月光"))
    assert "地点 c: name" in again.text
    await confirm(client, await send(client, "a.csv", UNITS, "dispatch"))
    page = await send(client, "a.csv", UNITS.replace("grid-1", "grid-2"), "dispatch")
    assert "文件里不再列出的单位，今后不再派：grid-1" in page.text
