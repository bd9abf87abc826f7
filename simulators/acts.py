"""What a visitor of the demonstration may let happen, each by one button, as often as he likes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count

import aiomqtt

from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import ShouwangError
from shouwang.wire import AlertBody, Envelope, HeartbeatBody, Lane, MessageId, encode, up_topic
from simulators.stage import Stage

FALL_LIES_S = 40.0
"""So long the person lies: longer than the rule asks and waits for an answer."""
CALM_AFTER_S = 90.0
"""Then the button at home is set back, and can be pressed for a new alarm."""
AWAY_S = 8.0
"""So long the killed server stays away."""
DARK_S = 180.0
"""So long building 7 is without power."""
BEAT_S = 45.0
_PATIENCE_S = 10.0
_EPOCH = "00112233445566dd"
_BUILDING_7 = tuple(f"gw-demo-{number}" for number in (1007, 1014, 1021, 1028, 1035))
"""The boxes of building 7 in the invented district (community.registry_demo)."""
_DARK = Sentence(zh="家中停电，网关改用电池供电", en="the mains are lost; the gateway runs on its battery")
_LIGHT = Sentence(zh="供电已恢复", en="the mains are back")


class Act(StrEnum):
    """The buttons."""

    SOS = "sos"
    FALL = "fall"
    POWER = "power"
    KILL = "kill"
    EVENING = "evening"


class Acts:
    """Lets them happen on the stage. One of a kind runs at a time; what goes on behind it never stops the page."""

    def __init__(self, stage: Stage, group: asyncio.TaskGroup, *, evening: Callable[[], Awaitable[None]]) -> None:
        """`evening` plays the whole story once. `told` gets what goes wrong behind the scenes."""
        self._stage, self._group = stage, group
        self.told: Callable[[str], None] = lambda _: None
        self._plays: dict[Act, Callable[[], Awaitable[None]]] = {
            Act.SOS: self._press_sos,
            Act.FALL: self._fall,
            Act.POWER: self._cut_power,
            Act.KILL: self._kill_server,
            Act.EVENING: evening,
        }
        self._going: dict[Act, asyncio.Task[None]] = {}
        self._beating: asyncio.Task[None] | None = None
        self._seqs = count(1)

    @property
    def going(self) -> frozenset[Act]:
        """What is under way."""
        return frozenset(self._going)

    def begin(self, act: Act) -> bool:
        """Start it; False where it is under way already."""
        if act in self._going:
            return False
        task = self._going[act] = self._group.create_task(self._play(act), name=f"act {act}")
        task.add_done_callback(lambda _: self._going.pop(act, None))
        return True

    async def stop(self) -> None:
        """End what is under way."""
        tasks = {*self._going.values(), *({self._beating} if self._beating else ())}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _play(self, act: Act) -> None:
        try:
            await self._plays[act]()
        except (TimeoutError, aiomqtt.MqttError, ShouwangError) as failed:
            self.told(f"{act}: {failed}")

    async def _press_sos(self) -> None:
        await self._stage.order(apply={"sos": "press"})
        await asyncio.sleep(CALM_AFTER_S)
        await self._stage.order(apply={"sos": "cancel"})

    async def _fall(self) -> None:
        await self._stage.order(apply={"radar": "fall"})
        await asyncio.sleep(FALL_LIES_S)
        await self._stage.order(apply={"radar": "up"})

    async def _kill_server(self) -> None:
        assert self._stage.community is not None
        await self._stage.community.kill()
        await asyncio.sleep(AWAY_S)
        await self._stage.start_community()

    async def _cut_power(self) -> None:
        """The homes of building 7 have no gateway of their own here: what theirs would say is said for them."""
        since = datetime.now(UTC)
        await self._say(self._mains(gateway, since, AlertState.FIRING) for gateway in _BUILDING_7)
        if self._beating is None:
            self._beating = self._group.create_task(self._beat(), name="boxes of building 7")
        await asyncio.sleep(DARK_S)
        await self._say(self._mains(gateway, since, AlertState.RESOLVED) for gateway in _BUILDING_7)

    async def _beat(self) -> None:
        """A box that has spoken once would be missed."""
        while True:
            lives = HeartbeatBody(backlog=0, uptime_s=86_400)
            with suppress(TimeoutError, aiomqtt.MqttError):  # the next beat tries again
                await self._say(self._envelope(gateway, Lane.STATE, lives) for gateway in _BUILDING_7)
            await asyncio.sleep(BEAT_S)

    async def _say(self, envelopes: Iterable[Envelope]) -> None:
        protocol = aiomqtt.ProtocolVersion.V5 if self._stage.broker.version == "5" else aiomqtt.ProtocolVersion.V311
        async with (
            asyncio.timeout(_PATIENCE_S),
            aiomqtt.Client("127.0.0.1", self._stage.broker.port, protocol=protocol) as client,
        ):
            for one in envelopes:
                await client.publish(up_topic(one.id.gateway, one.id.lane), encode(one), qos=1)

    def _mains(self, gateway: str, since: datetime, state: AlertState) -> Envelope:
        now = datetime.now(UTC)
        key = "mains:gateway"
        alert = Alert(
            alert_id=alert_id_of(key, now, state),
            key=key,
            rule_id="mains",
            rule_version=1,
            hazard="mains",
            severity=Severity.P3,
            state=state,
            resident_id=f"resident-{int(gateway[-4:]) - 1000:03}a",
            sensor_id="gateway",
            since=since,
            at=now,
            mono=1000,
            why=_DARK if state is AlertState.FIRING else _LIGHT,
        )
        return self._envelope(gateway, Lane.LIFE_SAFETY, AlertBody(alert=alert))

    def _envelope(self, gateway: str, lane: Lane, body: AlertBody | HeartbeatBody) -> Envelope:
        number = MessageId(gateway=gateway, epoch=_EPOCH, lane=lane, seq=next(self._seqs))
        return Envelope(id=number, created_at=datetime.now(UTC), boot="demo", mono=1000, body=body)
