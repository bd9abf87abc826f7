"""Pages of figures: what they show to whom, cases behind numbers, excuses, improvement, CSV, /metrics; the commands."""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import METRICS_TOKEN, PASSWORD, Centre
from fixtures.casework import Casework
from fixtures.kpi_cases import stored, walked
from fixtures.visitor import come_in, fields
from prometheus_client.parser import text_string_to_metric_families

from community.kpi_desk import KpiDesk
from community.kpi_months import Month
from community.kpi_rounds import KpiRounds
from community.store import case_schema
from shouwang.cli import main
from shouwang.errors import TryLater

NOVEMBER = Month(year=2026, month=11)
LATER = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


@pytest.fixture
async def month(centre: Centre) -> Centre:
    """A month with a case answered late, one that went all the way, and an unhappy one."""
    late = Casework()
    late.wait(65)
    late.order("ack", by="zhang")
    unhappy = walked("REVISIT")
    unhappy.order("revisit_ok", "mei", "caller", score=2)
    works = {"home-a": late, "home-b": walked("CLOSED"), "home-c": unhappy}
    await centre.store.write(lambda connection: [stored(connection, work, home) for home, work in works.items()])
    centre.clock.now = LATER
    return centre


def row(page: str, label: str) -> str:
    """The text of the table row that begins with this."""
    found = next(one for one in re.findall(r"<tr>.*?</tr>", page, re.S) if f">{label}<" in one)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def desk(centre: Centre) -> KpiDesk:
    return KpiDesk(centre.store, clock=centre.clock, zone=ZoneInfo("Asia/Shanghai"))


async def test_page_shows_numerators_and_denominators_and_leads_to_cases(
    month: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(month, browser, "supervisor")
    page = await browser.get("/kpi")
    assert page.url.path == "/kpi/2026-11"
    assert row(page.text, "Answered within 60 s") == "Answered within 60 s 66.67 % 2 3 at least 97.50 % missed"
    assert row(page.text, "Score of the call-backs (1 to 5)").startswith("Score of the call-backs (1 to 5) 3.50 7 2")
    assert row(page.text, "whoever was on duty").startswith("By person whoever was on duty")
    behind = await browser.get("/kpi/2026-11/cases?kpi=answered_60s&of=")
    assert behind.text.count("counted in the numerator") == 2
    assert 'href="/incidents/1"' in behind.text
    assert (await browser.get("/kpi/2026-11/cases?phase=handled")).text.count("/incidents/") == 2
    assert "100 − 100 ×" in (await browser.get("/kpi/2026-11/scores?group=centre")).text
    for nowhere in (
        "/kpi/2026-13",
        "/kpi/x",
        "/kpi/2026-11/cases?kpi=none",
        "/kpi/2026-11/scores?group=person&name=no",
    ):
        assert (await browser.get(nowhere)).status_code == 404


@pytest.mark.parametrize(
    ("role", "figures", "scores"),
    [("operator", 200, 403), ("auditor", 200, 200), ("regulator", 200, 200), ("admin", 200, 403), ("family", 403, 403)],
)
async def test_operators_see_figures_and_overseers_see_persons(
    month: Centre, browser: httpx.AsyncClient, role: str, figures: int, scores: int
) -> None:
    await come_in(month, browser, role)
    page = await browser.get("/kpi/2026-11")
    assert page.status_code == figures
    assert ("By person" in page.text) == (scores == 200)
    assert (await browser.get("/kpi/2026-11/scores?group=centre")).status_code == scores
    assert (await browser.get("/improvements")).status_code == scores
    table = await browser.get("/kpi/2026-11.csv")
    assert ("score,person" in table.text) == (scores == 200)
    assert "/excuse" not in page.text


async def test_strangers_see_nothing(month: Centre, browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/kpi/2026-11")).url.path == "/login"
    assert month


async def test_the_page_speaks_chinese(month: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(month, browser, "supervisor", language="zh")
    page = (await browser.get("/kpi/2026-11")).text
    assert "60秒内接警" in page
    assert "恶劣天气" in page


async def test_a_supervisor_excuses_a_card_once_and_the_score_follows(
    month: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(month, browser, "supervisor")
    table = case_schema.cards
    red = await month.store.read(
        lambda connection: connection.execute(
            sa.select(table.c.card_id).where(table.c.step == "ack", table.c.colour == "red")
        ).scalar_one()
    )
    action = f"/kpi/cards/{red}/excuse"
    form = fields((await browser.get("/kpi/2026-11")).text, action) | {"code": "system_fault"}
    after = await browser.post(action, data=form)
    assert (after.status_code, action in after.text) == (200, False)
    assert "fault of the server or the lines" in after.text
    again = await browser.post(action, data=form)
    assert again.status_code == 409
    assert "excused already" in again.text
    assert (await browser.post(action, data=form | {"csrf": "x"})).status_code == 403
    assert (await browser.get("/incidents/1")).status_code in {200, 404}
    same = await desk(month).compare(NOVEMBER)
    assert same.is_same


async def test_an_item_is_planned_done_counted_and_decided(month: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(month, browser, "supervisor")
    assert await desk(month).take_in() == 2
    page = (await browser.get("/improvements")).text
    assert "waits for a plan" in page
    plan = {"cause": "one operator alone", "measure": "two", "owner": "Zhang", "due_on": "2026-11-25"}
    page = (await browser.post("/improvements/1/plan", data=fields(page, "/improvements/1/plan") | plan)).text
    assert "overdue" in page
    page = (
        await browser.post("/improvements/1/do", data=fields(page, "/improvements/1/do") | {"change": "roster-7"})
    ).text
    assert "counted 30 days after" in page
    csrf = fields(page, "/logout")
    assert (await browser.post("/improvements/1/check", data=csrf)).status_code == 409
    month.clock.now = LATER + timedelta(days=31)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    page = (await browser.get("/improvements")).text
    page = (await browser.post("/improvements/1/check", data=fields(page, "/improvements/1/check"))).text
    assert "1 ÷ 3 = 33.33 %" in page
    page = (
        await browser.post(
            "/improvements/1/act", data=fields(page, "/improvements/1/act") | {"verdict": "roll_back", "change": "r-8"}
        )
    ).text
    assert "the measure is taken back" in page


async def test_who_may_not_move_an_item(month: Centre, browser: httpx.AsyncClient) -> None:
    await desk(month).take_in()
    await come_in(month, browser, "auditor")
    page = (await browser.get("/improvements")).text
    assert "/improvements/1/plan" not in page
    answer = await browser.post("/improvements/1/check", data=fields(page, "/logout"))
    assert answer.status_code == 403


async def test_the_table_for_other_programs_holds_every_number_and_no_formula(
    month: Centre, browser: httpx.AsyncClient
) -> None:
    evil = Casework()
    evil.order("ack", by="=cmd()")
    evil.wait(95)
    await month.store.write(lambda connection: stored(connection, evil, "home-d"))
    await come_in(month, browser, "auditor")
    answer = await browser.get("/kpi/2026-11.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    soon = next(one for one in rows if one["name"] == "answered_60s")
    assert (soon["numerator"], soon["denominator"], soon["missed"], soon["cases"]) == ("3", "4", "True", "1 2 3 4")
    assert any(one["of"] == "'=cmd()" for one in rows)


async def test_the_sample_is_drawn_after_the_month_and_stays(month: Centre, browser: httpx.AsyncClient) -> None:
    assert await desk(month).sample(NOVEMBER) == ()
    month.clock.now = datetime(2026, 12, 2, tzinfo=UTC)
    drawn = await desk(month).sample(NOVEMBER)
    assert drawn == await desk(month).sample(NOVEMBER)
    assert dict(drawn)["liu"] == (2, 3)
    await come_in(month, browser, "regulator")
    page = (await browser.get("/kpi/2026-11")).text
    assert "/supervision/sample/2026-11" in page
    assert "case 2" in (await browser.get("/supervision/sample/2026-11")).text


async def test_a_week_has_figures_as_a_month_has(month: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(month, browser, "supervisor")
    page = (await browser.get("/kpi/2026-W48")).text
    assert row(page, "Answered within 60 s") == "Answered within 60 s 66.67 % 2 3 at least 97.50 % missed"
    assert "/reports/2026-W48" in page
    assert "/supervision/sample" not in page
    assert (await browser.get("/kpi/2026-W48/cases?kpi=answered_60s&of=")).text.count("counted in the numerator") == 2
    assert (await browser.get("/kpi/2025-W53")).status_code == 404


# ---- the rounds ----


async def test_rounds_judge_a_month_once_it_is_settled(month: Centre) -> None:
    rounds = KpiRounds(desk(month))
    await rounds.look()
    month.clock.now = datetime(2026, 12, 1, 3, tzinfo=UTC)
    await rounds.look()
    sources = [item.source for item in await desk(month).items()]
    assert sorted(sources) == ["card:1:ack", "revisit:3"]
    month.clock.now = datetime(2026, 12, 2, 3, tzinfo=UTC)
    for _ in range(2):
        await rounds.look()
    sources = [item.source for item in await desk(month).items()]
    assert sorted(sources) == ["card:1:ack", "kpi:answered_60s:2026-11", "revisit:3"]


async def test_rounds_survive_a_busy_database_and_say_so_once(
    month: Centre, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = desk(month)
    rounds = KpiRounds(busy)

    async def fails() -> int:
        raise TryLater("busy")

    with monkeypatch.context() as patched:  # a database that is away cannot be had on demand
        patched.setattr(busy, "take_in", fails)
        await rounds.look()
        await rounds.look()
    assert caplog.text.count("figures are not kept for now: busy") == 1
    await rounds.look()
    assert len(await busy.items()) == 2


# ---- /metrics ----


async def test_metrics_are_for_whoever_knows_the_token(month: Centre, browser: httpx.AsyncClient) -> None:
    for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {METRICS_TOKEN}"}):
        answer = await browser.get("/metrics", headers=header)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="metrics"')
    answer = await browser.get("/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"})
    numbers = {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert numbers["shouwang_open_cases P1"] == 1
    assert numbers["shouwang_open_cases P4"] == 0
    assert numbers["shouwang_oldest_life_case_seconds"] > 0
    assert numbers["shouwang_due_lag_seconds"] >= 0
    assert numbers["shouwang_notices waiting"] > 0
    assert numbers["shouwang_notices failed"] == 0
    assert numbers["shouwang_gateways silent"] == 0
    assert numbers["shouwang_audit_entries_total"] > 10
    assert numbers["shouwang_dead_letters"] == 0
    assert numbers["shouwang_store_write_seconds_count"] >= 1
    assert numbers["shouwang_store_write_seconds_bucket +Inf"] == numbers["shouwang_store_write_seconds_count"]
    assert "王" not in answer.text
    assert month


# ---- the commands ----

CONFIG = """
name: 阳光社区
broker: {{url: mqtt://127.0.0.1:1883}}
store: {{url: "{url}"}}
kpi: {{time_zone: Asia/Shanghai}}
"""


@pytest.fixture
async def config(month: Centre, tmp_path: Path) -> Path:
    file = tmp_path / "community.yaml"
    file.write_text(CONFIG.format(url=f"sqlite:///{tmp_path / 'community.db'}"), encoding="utf-8")
    await desk(month).take_in()
    return file


def run(*words: str) -> int:
    return main(["community", *words])


@pytest.mark.parametrize(("table", "code"), [("", 0), ("cards", 1), ("timed_steps", 1), ("case_facts", 1)])
async def test_recompute_compares_the_page_with_the_sealed_log(
    month: Centre, config: Path, capsys: pytest.CaptureFixture[str], table: str, code: int
) -> None:
    changes = {
        "cards": "UPDATE cards SET responsible = 'x'",
        "timed_steps": "UPDATE timed_steps SET responsible = 'x'",
        "case_facts": "UPDATE case_facts SET body = CAST(replace(CAST(body AS TEXT), '65000', '5000') AS BLOB)",
    }
    if table:
        await month.store.write(lambda connection: connection.execute(sa.text(changes[table])))
    words = ("scores", "recompute", "--month", "2026-11", "-c", str(config))
    assert await asyncio.to_thread(run, *words) == code
    said = capsys.readouterr().out
    assert ("DIFFERS" in said) == bool(code)
    assert ("the log says the same" in said) == (not code)
    assert "centre -: " in said


async def test_figures_and_sample_on_the_terminal(
    month: Centre, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(run, "kpi", "show", "--month", "2026-11", "-c", str(config)) == 0
    assert "answered_60s: 2/3 = 0.6667  MISSED" in capsys.readouterr().out
    assert await asyncio.to_thread(run, "kpi", "sample", "--month", "2099-11", "-c", str(config)) == 0
    assert "nothing to look over" in capsys.readouterr().out
    assert month
