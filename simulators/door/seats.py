"""As whom a visitor may come in. Each seat has a host name of its own, so that one browser holds several log-ins."""

import re
from dataclasses import dataclass

from shouwang.errors import DeviceError
from simulators.district import SON
from simulators.stage import Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """A user of the demonstration; `person`: which contact of the register he is."""

    host: str
    login: str
    name: str
    role: str
    person: str = ""


SEATS = {
    seat.host: seat
    for seat in (
        Seat(host="operator", login="zhanglin", name="张琳", role="operator"),
        Seat(host="supervisor", login="chenhong", name="陈红", role="supervisor"),
        Seat(host="family", login="wangqiang", name="王强", role="family", person=SON),
        Seat(host="admin", login="gaoyuan", name="高远", role="admin"),
    )
}


class Seats:
    """Users are made when they are first wanted, and get a link each time that they come."""

    def __init__(self, stage: Stage) -> None:
        """Nobody is known yet."""
        self._stage = stage
        self._known: set[str] = set()

    async def enter(self, seat: Seat, language: str) -> str:
        """The address of his one-time link; `language`: what he reads the console in at first. Raises DeviceError."""
        if seat.login in self._known:
            link = await self._stage.new_link(seat.login)
        else:
            link = await self._stage.login_link(seat.login, seat.name, language, role=seat.role, person=seat.person)
            self._known.add(seat.login)
        found = re.fullmatch(r"https?://[^/]+(/login/once/\S+)", link)
        if found is None:
            raise DeviceError(f"the community server gave no login link: {link}")
        return f"{self.address(seat)}{found[1]}"

    def address(self, seat: Seat) -> str:
        """The console's address under the name of this seat."""
        return f"http://{seat.host}.localhost:{self._stage.web_port}"
