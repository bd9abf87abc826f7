"""The front door of the demonstration speaks the visitor's language, and seats him in it; what it refuses at once."""

import socket
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from shouwang.cli import main
from shouwang.errors import ConfigError, DeviceError
from simulators.acts import Acts
from simulators.demo import Wish, perform
from simulators.door.page import create_door
from simulators.door.scene import Scene
from simulators.door.seats import SEATS, Seats
from simulators.stage import Stage

CHINESE, ENGLISH = "坐到值班台前", "Take your seat at the desk"


class Registry:
    """The server's users, as the stage reaches them: who was added, in which language, as whom."""

    web_port = 8080

    def __init__(self) -> None:
        self.added: list[tuple[str, str, str, str]] = []

    async def login_link(self, login: str, name: str, language: str, *, role: str = "", person: str = "") -> str:
        self.added.append((login, language, role, person))
        return "http://127.0.0.1:8080/login/once/first"

    async def new_link(self, login: str) -> str:
        return "http://127.0.0.1:8080/login/once/again"


def visitor(registry: Registry, **headers: str) -> httpx.AsyncClient:
    scene = SimpleNamespace(reached=-1, is_served=True, has_audience=False, going=frozenset(), lines=[])
    door = create_door(
        cast("Scene", scene), cast("Acts", SimpleNamespace()), Seats(cast("Stage", registry)), language="zh"
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door", headers=headers)


@pytest.mark.parametrize(
    ("spoken", "words"),
    [("", CHINESE), ("en-GB,en;q=0.9", ENGLISH), ("fr, zh-TW;q=0.8, en;q=0.5", CHINESE), ("fr", CHINESE)],
)
async def test_the_page_speaks_what_the_browser_speaks(spoken: str, words: str) -> None:
    async with visitor(Registry(), **{"accept-language": spoken}) as browser:
        page = (await browser.get("/")).text
    assert words in page
    assert ("--language en" in page) is (words == ENGLISH)  # why the home speaks Chinese


async def test_who_chose_a_language_is_seated_in_it_and_asked_no_more() -> None:
    registry = Registry()
    async with visitor(registry, **{"accept-language": "zh-CN"}) as browser:
        await browser.post("/language", data={"language": "en"})
        first = (await browser.post("/seat/operator")).headers["location"]
        again = (await browser.post("/seat/operator")).headers["location"]
        await browser.post("/seat/family")
    assert (first, again) == tuple(f"http://operator.localhost:8080/login/once/{one}" for one in ("first", "again"))
    assert registry.added == [
        ("zhanglin", "en", "operator", ""),
        ("wangqiang", "en", "family", SEATS["family"].person),
    ]


async def test_ports_are_looked_at_before_anything_is_started() -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        for wish, option in ((Wish(port=taken), "--port"), (Wish(door_port=taken), "--door-port")):
            with pytest.raises(DeviceError, match=rf"port {taken} is in use .*; give {option} another number"):
                await perform(wish, told.append)
    with pytest.raises(ConfigError, match="both 8080: give each its own"):
        await perform(Wish(port=8080, door_port=8080), told.append)
    assert told == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--seconds", "abc"), "'abc': must be a number from 1 to 86400"),
        (("--seconds", "nan"), "'nan': must be a number from 1 to 86400"),
        (("--port", "99999"), "'99999': must be a number from 1 to 65535"),
        (("--door-port", "x"), "'x': must be a number from 1 to 65535"),
        (("--broker", "foo"), "choose from 'auto', 'mosquitto', 'amqtt'"),
    ],
)
def test_a_wrong_option_says_what_may_stand_there(
    wrong: tuple[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["demo", *wrong])
    assert told in capsys.readouterr().err
