"""The home's modem as the gateway uses it: SMS out and in, calls, and what a text message may ask of the home.

`sms` and `voice` are the ports for whoever has to reach people without the internet.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec

from config.home import Home
from drivers.serial.modem import ModemDriver
from drivers.serial.modem_part import ModemPart
from drivers.serial.sms import Sms
from drivers.serial.sms_commands import CODE, Commands, Order, SmsOrder
from drivers.serial.sms_inbox import Inbox
from drivers.serial.sms_queue import SmsQueue
from drivers.serial.sms_store import SmsStore
from drivers.serial.voice_call import Booth, Voice
from gateway.roster import Roster
from messaging.secret import read_secret
from shouwang.alert import Sentence
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

SMS_FILE = "sms.sqlite3"


class Whereabouts(StrEnum):
    """What somebody says about the people of the home."""

    AWAY = "away"
    HOME = "home"


class WhereaboutsWish(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with the code says so by SMS. It is a wish: the sender's number can be forged, so whoever consumes it
    may add questions and reminders, and must not end an alarm, nor watch over life and fire any less.
    """

    whereabouts: Whereabouts
    by: str


Wish = Callable[[WhereaboutsWish], Sentence]
"""Takes a wish and says what has become of it. May be called twice with one wish; must not block."""


def noted_only(wish: WhereaboutsWish) -> Sentence:
    """The answer while nothing in the home depends on who is there."""
    zh = "外出" if wish.whereabouts is Whereabouts.AWAY else "回家"
    return Sentence(
        zh=f"已收到“{zh}”。所有守护照常，没有任何改变。",
        en=f"Noted: {wish.whereabouts}. Everything is watched as before; nothing was changed.",
    )


class Phone:
    """One home's modem. `wish` may be replaced by whoever consumes wishes."""

    def __init__(self, part: ModemPart, store: SmsStore, thread: ThreadPoolExecutor, roster: Roster) -> None:
        """`store` was opened in `thread`. Raises ConfigError where the code cannot be read."""
        self.wish: Wish = noted_only
        self.roster = roster
        self._queue = SmsQueue(store, thread)
        self._booth = Booth()
        inbox = Inbox(store, thread, self._queue, commands=commands_of(part), obey=self._obey)
        self.marks = _Marks(store, thread)
        """Short texts on the card."""
        self.driver = ModemDriver(part, self._queue, inbox, self._booth, self.marks)
        self.run = self._queue.run
        """Keeps the deadlines of messages; a task of the gateway."""

    @property
    def sms(self) -> Sms:
        """Sends short messages."""
        return self._queue

    @property
    def voice(self) -> Voice:
        """Makes calls."""
        return self._booth

    async def open(self) -> None:
        """Read what is left of the last run."""
        await self._queue.open()

    def _obey(self, order: SmsOrder) -> str:
        words = self._words(order)
        return words.zh if order.language == "zh" else words.en

    def _words(self, order: SmsOrder) -> Sentence:
        if order.order is Order.STATUS:
            return self.roster.words()
        if order.order is Order.TEST:
            backlog = self._queue.backlog
            return Sentence(
                zh=f"守望测试：本机短信收发正常，待发 {backlog} 条。",
                en=f"Shouwang test: this box receives and sends SMS; {backlog} waiting.",
            )
        whereabouts = Whereabouts.AWAY if order.order is Order.AWAY else Whereabouts.HOME
        return self.wish(WhereaboutsWish(whereabouts=whereabouts, by=order.sender))


class _Marks:
    """Marks on the card, for the start of the modem."""

    def __init__(self, store: SmsStore, thread: ThreadPoolExecutor) -> None:
        self._store = store
        self._thread = thread

    async def mark(self, name: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.mark, name)

    async def set_mark(self, name: str, text: str) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.set_mark, name, text)


@asynccontextmanager
async def phone_of(home: Home) -> AsyncIterator[Phone | None]:
    """The home's modem, ready to be run; None where it has none. Raises ConfigError."""
    if home.modem is None:
        yield None
        return
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="sms") as thread:
        store = await loop.run_in_executor(thread, SmsStore, Path(home.gateway.data_dir) / SMS_FILE)
        try:
            phone = Phone(home.modem, store, thread, Roster([sensor.id for sensor in home.sensors]))
            await phone.open()
            yield phone
        finally:
            await loop.run_in_executor(thread, partial(store.close))


def commands_of(part: ModemPart) -> Commands | None:
    """What may be ordered by SMS; raises ConfigError where the code cannot be read, or is none."""
    if part.commands is None:
        return None
    code = read_secret(part.commands.code_file)
    if not CODE.fullmatch(code):
        raise ConfigError(
            Bilingual(
                f"{part.commands.code_file}: the code must be 6 to 20 letters or digits, and nothing else",
                zh=f"{part.commands.code_file}：口令必须是 6 到 20 个字母或数字，不能有别的",
            )
        )
    return Commands(part.commands.numbers, code)
