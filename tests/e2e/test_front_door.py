"""The demonstration's front door: each of its buttons does what stands on it, with the whole product behind it."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest

from simulators.acts import Act, Acts
from simulators.door.page import create_door
from simulators.door.scene import Scene
from simulators.door.seats import SEATS, Seats
from simulators.ledger import Ledger
from simulators.stage import Plan, running_stage

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


async def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not seen in {seconds} s: {what}"
        await asyncio.sleep(0.1)


async def test_a_visitor_lets_things_happen_and_comes_in() -> None:
    async with running_stage(Plan(has_district=True)) as stage, asyncio.TaskGroup() as group:
        acts = Acts(stage, group, evening=lambda: asyncio.sleep(0))
        scene, ledger = Scene(stage, acts), Ledger(stage.database)
        acts.told = scene.went_wrong
        stage.on_said = scene.home_said
        door = create_door(scene, acts, Seats(stage), language="zh")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door") as visitor:
            assert "一条也不会丢" in (await visitor.get("/")).text
            strange = await visitor.post("/act/sos", headers={"origin": "http://elsewhere"})
            assert (strange.status_code, scene.going) == (403, frozenset())

            await visitor.post("/act/kill")
            await until(lambda: not scene.is_served, "the server is killed")
            assert "服务器已被杀掉" in (await visitor.get("/now")).text
            await visitor.post("/act/sos")
            await visitor.post("/act/sos")  # under way: one press, one alarm
            await until(lambda: any(line.who == "home" for line in scene.lines), "the home speaks by itself")
            await until(lambda: scene.is_served and Act.KILL not in scene.going, "the server is back")
            await until(lambda: ledger.newest_life() != "", "the alarm has not been lost")
            assert scene.reached >= 0

            await visitor.post("/act/power")
            await until(lambda: ledger.storms() == 1, "one row for the whole building")
            assert "7号楼没有电" in (await visitor.get("/now")).text

            for _ in range(2):  # who closed the tab comes in again
                link = (await visitor.post("/seat/operator")).headers["location"]
                assert link.startswith(f"http://operator.localhost:{stage.web_port}/login/once/")
            async with httpx.AsyncClient(base_url=stage.url) as browser:
                came_in = await browser.post("/login/once/" + link.rpartition("/")[2])
                assert (came_in.status_code, came_in.headers["location"]) == (303, "/")
            assert scene.has_audience
            assert (await visitor.post("/seat/nobody")).status_code == 404
            assert {seat.role for seat in SEATS.values()} >= {"operator", "supervisor"}
        assert [line.words for line in scene.lines if line.who == "stage"] == []
        await acts.stop()
