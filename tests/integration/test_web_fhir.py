"""The record of a resident by the console and by the command: who gets it, how it is refused, where it lands."""

import asyncio
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fixtures.browser import PASSWORD, Centre
from fixtures.community_home import NOON, DemoHome
from fixtures.fhir_rules import checked, of_type

from community.fhir.records import Records
from community.measurements.own_file import OwnFile
from community.measurements.port import Keep
from community.settings import CommunitySettings
from community.store import intake, people_access
from community.store.database import open_store
from community.store.directory import bring_in
from community.store.people_schema import consents
from community.web.app import create_app
from shouwang.cli import main

YAML = """
name: 阳光社区
broker: {url: "mqtt://127.0.0.1"}
homes:
  - {id: home-501, gateway: gw-demo-0001, address: 3号楼2-501, resident: {id: resident-0001, name: 王桂兰}}
"""


@pytest.fixture
async def browser(centre: Centre) -> AsyncIterator[httpx.AsyncClient]:
    settings = CommunitySettings.model_validate(
        {"name": "阳光社区", "broker": {"url": "mqtt://127.0.0.1"}, "store": {"url": "postgresql://nobody@nowhere/x"}}
    )
    app = create_app(
        centre.desk,
        centre.accounts,
        name="阳光社区",
        clock=centre.clock,
        secure_cookies=False,
        records=Records(settings, centre.store, zone=UTC),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.example") as client:
        await centre.home(1, "3号楼2-501", "王桂兰", 1944)
        for login, role in (("sun", "supervisor"), ("admin1", "admin"), ("zhang", "operator")):
            await centre.user(login, login, role)
        yield client


async def log_in(browser: httpx.AsyncClient, login: str) -> None:
    answer = await browser.post("/login", data={"login": login, "password": PASSWORD})
    assert answer.status_code == 303


async def reads(centre: Centre) -> list[tuple[str, str]]:
    found = await centre.store.read(lambda connection: people_access.of_resident(connection, "resident-1"))
    return [(one.actor, one.reason) for one in found]


async def test_a_supervisor_gets_the_record_with_a_reason(browser: httpx.AsyncClient, centre: Centre) -> None:
    await log_in(browser, "sun")
    answer = await browser.get("/residents/resident-1/fhir", params={"reason": "复诊"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["cache-control"] == "no-store"
    assert of_type(checked(answer.content), "Patient")[0]["name"] == [{"text": "王桂兰"}]
    assert await reads(centre) == [("sun", "复诊")]


@pytest.mark.parametrize("login", ["zhang", "admin1"])
async def test_others_are_refused_and_get_nothing(browser: httpx.AsyncClient, centre: Centre, login: str) -> None:
    await log_in(browser, login)
    answer = await browser.get("/residents/resident-1/fhir", params={"reason": "复诊"})
    assert answer.status_code == 403
    assert "王桂兰" not in answer.text
    assert await reads(centre) == []


async def test_a_stranger_is_sent_to_the_login(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/residents/resident-1/fhir", params={"reason": "复诊"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("resident", "query", "status"),
    [
        ("nobody", {"reason": "复诊"}, 404),
        ("resident-1", {}, 422),
        ("resident-1", {"reason": "复诊", "from": "2026-11-24T00:00:00"}, 422),
        ("resident-1", {"reason": "复诊", "from": "2020-01-01T00:00:00Z"}, 422),
        ("resident-1", {"reason": "复诊", "from": "2026-11-24T00:00:00Z", "to": "2026-11-23T00:00:00Z"}, 422),
        ("resident-1", {"reason": "复诊", "every": "value"}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(
    browser: httpx.AsyncClient, centre: Centre, resident: str, query: dict[str, str], status: int
) -> None:
    await log_in(browser, "sun")
    answer = await browser.get(f"/residents/{resident}/fhir", params=query)
    assert answer.status_code == status
    assert await reads(centre) == []


# ---- the command ----


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A centre with one resident who has agreed, and ten values of today in the file of measurements."""
    path = tmp_path / "community.yaml"
    path.write_text(YAML, encoding="utf-8")

    async def fill() -> None:
        home, now = DemoHome(), datetime.now(UTC)
        store = await open_store(f"sqlite:///{tmp_path / 'community.db'}")
        await store.write(lambda connection: bring_in(connection, (home.entry,)))
        await store.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
        given = {
            "is_given": True,
            "given_by": "本人",
            "relation": "self",
            "at": NOON,
            "text_version": "1",
            "how": "paper",
        }
        given |= {"resident_id": "resident-0001", "recorded_by": "sun", "recorded_at": NOON}
        for purpose in ("health_monitoring", "sharing_with_clinics"):
            row = given | {"purpose": purpose, "at": now - timedelta(hours=1)}
            await store.write(lambda connection, row=row: connection.execute(consents.insert().values(row)))
        measured = OwnFile(tmp_path / "community-measurements.db", store, Keep())
        await measured.open()
        measured.knows_what_came_before.set()
        await measured.write([home.envelope(home.readings(10))], NOON)
        await measured.close()
        await store.close()

    asyncio.run(fill())
    return path


def ask(config: Path, *more: str) -> int:
    fixed = ["community", "fhir", "export", "-c", str(config), "--resident", "resident-0001", "--by", "sun"]
    return main([*fixed, "--reason", "复诊", *more])


def test_the_command_writes_the_record_whole_and_for_nobody_else(config: Path) -> None:
    out = config.parent / "record.json"
    span = ("--from", "2026-11-24", "--to", "2026-11-26")
    assert ask(config, "--out", str(out), "--every", "value", *span) == 0
    bundle = checked(out.read_bytes())
    assert len(of_type(bundle, "Observation")) == 10
    assert len(of_type(bundle, "Task")) == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert not out.with_name("record.json.part").exists()


def test_the_command_tells_it_on_the_screen(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(config) == 0
    assert of_type(checked(capsys.readouterr().out.encode()), "Patient")[0]["active"] is True


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--resident", "nobody"), "no resident nobody"),
        (("--from", "2026-11-24", "--to", "2026-11-23"), "--from must be before --to"),
        (("--out", "/nowhere/record.json"), "cannot be written"),
    ],
)
def test_the_command_says_what_is_wrong(
    config: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert ask(config, *more) != 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("more", [("--from", "yesterday"), ("--limit", "0"), ("--every", "week")])
def test_the_command_refuses_what_it_cannot_read(
    config: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        ask(config, *more)
    assert more[0] in capsys.readouterr().err
