"""Takes a changed home.yaml in use while the home is watched: on SIGHUP, or when somebody asks for it.

The new file is read and tried as a whole, aside from all that runs, before anything is touched: a bad one changes
nothing and says why. Then only what changed is exchanged. One reload follows the other.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Never

from config.home import Home
from gateway.control import Refusal
from gateway.courier import key_of
from gateway.equipment import uplink_settings
from gateway.fittings import Change, Fittings
from gateway.phone import commands_of
from messaging.broker import BrokerSettings
from messaging.service_manager import ServiceManager
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import Bilingual, both, by_lines, told_by
from shouwang.errors import ConfigError

log = logging.getLogger(__name__)

NEEDS_RESTART = Bilingual(
    "this cannot change while the gateway runs and needs a restart: sudo systemctl restart shouwang-gateway",
    zh="网关运行时不能改这一项，要重启：sudo systemctl restart shouwang-gateway",
)
_NO_FILE = Bilingual(
    "this gateway was started without a file that it could read again; "
    "restart it with one: shouwang gateway run -c home.yaml",
    zh="这个网关启动时没有可以再读的文件；请带文件重新启动：shouwang gateway run -c home.yaml",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A home that was read and tried, and what must be exchanged to have it. `revised`: ids of rules that changed."""

    home: Home
    uplink: BrokerSettings
    change: Change
    revised: frozenset[str]
    words: Sentence


def heed_hangup() -> asyncio.Event:
    """Is set by SIGHUP from now on, which else would end the process."""
    hangup = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    return hangup


def prepare(reread: Callable[[], Home], running: Home, fittings: Fittings) -> Prepared:
    """Read and try the file; reads only, so that a thread may do it. Raises ConfigError with all that is wrong."""
    home = reread()
    if troubles := _unchangeable(running, home):
        raise ConfigError(by_lines(troubles))
    Fittings(home, {})  # tried on the spot and thrown away: what cannot be built must be told before anything stops
    if home.modem is not None:
        commands_of(home.modem)
    if home.second_path is not None:
        key_of(home.second_path)
    change = fittings.change_to(home)
    return Prepared(
        home=home,
        uplink=uplink_settings(home),
        change=change,
        revised=_revised(running, home),
        words=_words(running, home, change),
    )


class Reload:
    """The reloads of one gateway, one after the other."""

    def __init__(
        self,
        reread: Callable[[], Home] | None,
        try_out: Callable[[Callable[[], Home]], Prepared],
        use: Callable[[Prepared], Awaitable[None]],
        manager: ServiceManager,
        hangup: asyncio.Event,
    ) -> None:
        """`reread` gives the home of today's file; `try_out` prepares it, in a thread; `use` exchanges what changed.

        `hangup` is set by SIGHUP.
        """
        self._reread = reread
        self._try_out = try_out
        self._use = use
        self._manager = manager
        self._wanted = hangup
        self._waiting: list[asyncio.Future[Sentence]] = []

    async def now(self) -> Sentence:
        """Have the file read after now, and say what was done; raises Refusal with why it was not."""
        done: asyncio.Future[Sentence] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wanted.set()
        return await done

    async def run(self) -> Never:
        """Reload when it is wished, until cancelled. Wishes that come during a reload lead to one more.

        A home that is neither the old nor the new one is worse than a restart: what fails half-way ends the process.
        """
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            waiting, self._waiting = self._waiting, []
            self._manager.reloading()
            try:
                prepared = await self._prepared()
            except ConfigError as error:
                log.error("home.yaml was not taken in use, all goes on as before:\n%s", error)  # noqa: TRY400 - said all
                self._manager.ready("home.yaml was not taken in use; all goes on as before, see the journal")
                for done in waiting:
                    if not done.done():
                        done.set_exception(_refusal(error))
                continue
            await self._use(prepared)
            log.info("home.yaml was read again: %s", prepared.words.en)
            self._manager.ready(f"watching {len(prepared.home.sensors)} sensors")
            for done in waiting:
                if not done.done():
                    done.set_result(prepared.words)

    async def _prepared(self) -> Prepared:
        if self._reread is None:
            raise ConfigError(_NO_FILE)
        return await asyncio.to_thread(self._try_out, self._reread)


def _unchangeable(running: Home, home: Home) -> list[str]:
    """What a reload cannot change, a line each."""
    parts = (("id", running.gateway.id, home.gateway.id), ("data_dir", running.gateway.data_dir, home.gateway.data_dir))
    words = "gateway: {key}: {old} -> {new}: {why}", "gateway: {key}: {old} -> {new}：{why}"
    return [both(*words, key=key, old=old, new=new, why=NEEDS_RESTART) for key, old, new in parts if old != new]


def _revised(running: Home, home: Home) -> frozenset[str]:
    before = {rule.id: rule for rule in running.all_rules()}
    is_other = (running.gateway.zone, running.resident.id) != (home.gateway.zone, home.resident.id)
    return frozenset(rule.id for rule in home.all_rules() if is_other or before.get(rule.id) != rule)


def _refusal(error: ConfigError) -> Refusal:
    """The complaints stand as they are: they quote the file."""
    zh, en = "home.yaml 没有启用，一切照旧", "home.yaml was not taken in use, all goes on as before"
    why = sentence_of(told_by(error))
    return Refusal(Sentence(zh=f"{zh}：\n{why.zh}", en=f"{en}:\n{why.en}"))


def _words(running: Home, home: Home, change: Change) -> Sentence:
    """What changed, for the log and for who asked: ids only, no value and no name of a person."""
    before, after = {sensor.id for sensor in running.sensors}, {sensor.id for sensor in home.sensors}
    rules_before, rules_after = ({rule.id for rule in one.all_rules()} for one in (running, home))
    told = (
        ("启用的传感器", "sensors started", after - before),
        ("停用的传感器", "sensors stopped", before - after),
        ("重启的传感器", "sensors restarted", change.sensors & after & before),
        ("新增的规则", "rules new", rules_after - rules_before),
        ("去掉的规则", "rules taken out", rules_before - rules_after),
        ("改动的规则", "rules changed", _revised(running, home) & rules_before),
        ("改动的部分", "parts changed", change.parts),
        ("改动的设置", "changed", _others(running, home)),
    )
    said = [(zh, en, ", ".join(sorted(ids))) for zh, en, ids in told if ids]
    if not said:
        return Sentence(zh="网关用到的都没有变", en="nothing that this gateway uses has changed")
    zh, en = (f"{zh}：{ids}" for zh, _, ids in said), (f"{en}: {ids}" for _, en, ids in said)
    return Sentence(zh="；".join(zh), en="; ".join(en))


def _others(running: Home, home: Home) -> set[str]:
    return {name for name in Home.model_fields if name not in _TOLD and getattr(running, name) != getattr(home, name)}


_TOLD = frozenset(
    {
        *("sensors", "rules", "presets", "uplink", "local_broker", "bluetooth", "modbus", "enocean", "rfxtrx"),
        *("modem", "second_path", "annunciators", "cut_offs"),
    }
)
"""Parts of home.yaml of which it is told in more detail what has changed in them."""
