"""The page of catalogues: what it lists, in both languages, for whom, and as a table."""

import csv
import io
import re

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import Centre
from fixtures.visitor import come_in

from community.store import catalogue
from community.store.database import Store
from community.store.directory import meet_gateway
from community.store.people_schema import devices
from community.store.schema import sensor_status
from shouwang.wire import BirthBody, Lane


def rows(page: str) -> list[str]:
    found = re.findall(r"<tr>.*?</tr>", page[page.index("<tbody>") :], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]


async def table(browser: httpx.AsyncClient, query: str) -> list[dict[str, str]]:
    answer = await browser.get(f"/admin/catalogues.csv?{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))


async def test_dangers_and_quantities_are_listed_and_searched(centre: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(centre, browser, "admin")
    page = (await browser.get("/admin/catalogues")).text
    assert 'aria-current="page">Dangers</a>' in page
    (fell,) = [row for row in rows(page) if row.startswith("Fall ")]
    assert fell.startswith("Fall fall LIFE P1 every LIFE and URGENT of the home Emergencies")
    (power,) = [row for row in rows(page) if row.startswith("Power cut ")]
    assert "as the home's rule says" in power
    found = rows((await browser.get("/admin/catalogues?part=quantities&find=8480-6")).text)
    assert found == ["systolic pressure systolic mm[Hg] 8480-6 150021 30 – 300 level"]
    assert "Nothing here has that name." in (await browser.get("/admin/catalogues?part=quantities&find=xyz")).text


async def test_words_are_those_of_the_readers_language(centre: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(centre, browser, "auditor", language="zh")
    page = (await browser.get("/admin/catalogues?part=quantities&find=收缩压")).text
    assert rows(page) == ["收缩压 systolic mm[Hg] 8480-6 150021 30 – 300 状态或数值"]
    assert "跌倒" in (await browser.get("/admin/catalogues?find=跌倒")).text


async def test_tables_hold_both_languages(centre: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(centre, browser, "admin")
    (fell,) = [row for row in await table(browser, "part=hazards") if row["hazard"] == "fall"]
    assert (fell["zh"], fell["en"], fell["usual_priority"], fell["workflow"]) == ("跌倒", "Fall", "P1", "emergency")
    (monoxide,) = [row for row in await table(browser, "part=hazards") if row["hazard"] == "carbon-monoxide"]
    assert monoxide["zh"]
    (oxygen,) = await table(browser, "part=quantities&find=59408-5")
    assert (oxygen["unit_ucum"], oxygen["low"], oxygen["high"]) == ("%", "20", "100")


async def test_devices_are_those_that_homes_have_told(centre: Centre, browser: httpx.AsyncClient) -> None:
    for number in (1, 2):
        box = await centre.home(number, "3号楼2-501", "王桂兰", 1944)
        birth = BirthBody(version="0.1.0", sensors={"a": "pulse_oximeter_plx", "b": "sos_button"}, starts=1)
        await centre.send(box, Lane.STATE, birth)
    await come_in(centre, browser, "supervisor")
    page = (await browser.get("/admin/catalogues?part=devices")).text
    assert "oximeter pulse_oximeter_plx – 2 2 –" in rows(page)
    assert "王桂兰" not in page
    assert [row["sensors"] for row in await table(browser, "part=devices&find=oximeter")] == ["2"]


@pytest.mark.parametrize(
    ("role", "page", "file"), [("supervisor", 200, 200), ("regulator", 200, 403), ("operator", 403, 403)]
)
async def test_who_gets_in(centre: Centre, browser: httpx.AsyncClient, role: str, page: int, file: int) -> None:
    await come_in(centre, browser, role)
    assert (await browser.get("/admin/catalogues")).status_code == page
    assert (await browser.get("/admin/catalogues.csv")).status_code == file
    assert (await browser.get("/admin/catalogues?part=nothing")).status_code == 422 if page == 200 else True


async def test_both_databases_count_kinds_and_models(store: Store) -> None:
    def fill(connection: sa.Connection) -> None:
        for box, kinds in (("gw-1", ("radar", "radar", "")), ("gw-2", ("radar",))):
            meet_gateway(connection, box)
            for number, kind in enumerate(kinds):
                row = {
                    "gateway_id": box,
                    "sensor_id": f"s{number}",
                    "kind": kind,
                    "state": "up",
                    "reason": "",
                    "mono": 1,
                }
                connection.execute(sensor_status.insert().values(row))
        blank = dict.fromkeys(("serial", "sensors", "room", "installed_on", "serviced_on", "key_ref"), "")
        for name in ("d1", "d2"):
            connection.execute(devices.insert().values(device_id=name, kind="radar", maker="m", model="x", **blank))

    await store.write(fill)
    told, filed = await store.read(catalogue.device_kinds)
    assert (told.kind, told.sensors, told.boxes) == ("radar", 3, 2)
    assert (filed.maker, filed.model, filed.on_file) == ("m", "x", 2)
