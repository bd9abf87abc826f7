"""All that a home speaks, sounds, shines and switches with, made of its configuration."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Literal, Never

from config.annunciators import (
    ConsoleAnnunciatorPart,
    GpioLampPart,
    GpioSirenPart,
    MqttSignalPart,
    SerialSignalPart,
    SpeechPart,
)
from config.annunciators import Language as Written
from config.home import Home
from config.outputs import GpioOutput, MqttOutput, SerialOutput
from drivers import Links
from gateway.annunciators.announcement import Annunciator
from gateway.annunciators.beacon import LampPlayer, SirenPlayer, SwitchedBeacon
from gateway.annunciators.console import ConsoleAnnunciator
from gateway.annunciators.gpio_switch import GpioSwitch
from gateway.annunciators.mqtt_switch import MqttSwitch
from gateway.annunciators.serial_relay import RelayBoard, SerialRelay
from gateway.annunciators.speech import SpeakerSettings, Speech
from gateway.annunciators.switch import Switch
from gateway.supervise import keep

Work = tuple[str, Callable[[], Coroutine[None, None, None]]]


class Outfit:
    """What one home has. Opens nothing before `run`, which is a task of the gateway."""

    def __init__(self, home: Home, links: Links) -> None:
        """Raises ConfigError where something behind the local broker is named and the home has none."""
        self._links = links
        self._language = home.gateway.language
        self._boards: dict[str, RelayBoard] = {}
        self._listeners: list[MqttSwitch] = []
        self._pins: list[GpioSwitch] = []
        self._speeches: list[Speech] = []
        self.annunciators: list[Annunciator] = []
        self.beacons: list[SwitchedBeacon] = []
        """Sirens and lamps."""
        for part in home.annunciators:
            match part:
                case ConsoleAnnunciatorPart():
                    self.annunciators.append(ConsoleAnnunciator(part.language or self._language))
                case SpeechPart():
                    self._speeches.append(self._speech(part))
                case _:
                    self.beacons.append(self._beacon(part))
        self.annunciators += self._speeches
        self.switches: dict[str, Switch] = {
            cut_off.id: self._switch(f"cut-off {cut_off.id}", cut_off.by, must_confirm=True)
            for cut_off in home.cut_offs
        }
        """Of the cut-offs, by id."""

    async def run(self, *work: Work) -> None:
        """Hold ports, hear devices, sound and shine until cancelled; `work` uses the switches.

        Whoever uses a switch ends before what it hangs on, so that sirens are off and ports still open at the end.
        """
        async with asyncio.TaskGroup() as links:
            held = [links.create_task(hold, name=name) for name, hold in self._links_held()]
            try:
                async with asyncio.TaskGroup() as users:
                    for beacon in self.beacons:
                        users.create_task(beacon.run(), name=f"annunciator-{beacon.name}")
                    for speech in self._speeches:  # a card that hangs must delay no siren
                        users.create_task(asyncio.to_thread(speech.load), name=f"recordings-of-{speech.name}")
                    for name, run in work:
                        users.create_task(run(), name=name)
                    await asyncio.Event().wait()
            finally:
                for task in held:
                    task.cancel()
                for pin in self._pins:
                    pin.close()
                for listener in self._listeners:
                    listener.close()

    # ---- inside ----

    def _links_held(self) -> list[tuple[str, Coroutine[None, None, Never]]]:
        boards = [
            (f"relays-{port}", keep(f"the relay board at {port}", board.run)) for port, board in self._boards.items()
        ]
        return boards + [(f"state-of-{one.name}", keep(f"the state of {one.name}", one.run)) for one in self._listeners]

    def _speech(self, part: SpeechPart) -> Speech:
        settings = SpeakerSettings(
            player=part.player,
            device=part.device,
            languages=languages_of(part.language or self._language),
            speed=part.speed,
            volume=part.volume,
        )
        return Speech(part.id, settings, part.phrases)

    def _beacon(self, part: GpioSirenPart | GpioLampPart | MqttSignalPart | SerialSignalPart) -> SwitchedBeacon:
        if isinstance(part, GpioLampPart):
            red = self._pin(part.id, part.red, active_high=part.active_high)
            yellow = None if part.yellow is None else self._pin(part.id, part.yellow, active_high=part.active_high)
            return SwitchedBeacon(part.id, LampPlayer(red, yellow, is_slow=part.slow), ex_safe=part.is_ex_safe)
        if isinstance(part, GpioSirenPart):
            switch: Switch = self._pin(part.id, part.pin, active_high=part.active_high)
            is_slow, is_siren = part.slow, True
        else:
            switch = self._switch(part.id, part, must_confirm=False)
            is_slow, is_siren = True, part.use == "siren"
        loud_s = part.loud_for.total_seconds()
        player = (
            SirenPlayer(switch, loud_s=loud_s, is_slow=is_slow) if is_siren else LampPlayer(switch, None, is_slow=True)
        )
        return SwitchedBeacon(part.id, player, ex_safe=part.is_ex_safe)

    def _switch(self, name: str, part: GpioOutput | SerialOutput | MqttOutput, *, must_confirm: bool) -> Switch:
        if isinstance(part, GpioOutput):
            return self._pin(name, part.pin, active_high=part.active_high, stays=True)
        if isinstance(part, SerialOutput):
            board = self._boards.setdefault(part.port, RelayBoard(part.port))
            return SerialRelay(name, board, part.channel)
        switch = MqttSwitch(name, self._links.broker_for(name), part.words, must_confirm=must_confirm)
        if switch.is_listening:
            self._listeners.append(switch)
        return switch

    def _pin(self, name: str, pin: int, *, active_high: bool, stays: bool = False) -> GpioSwitch:
        switch = GpioSwitch(name, pin, active_high=active_high, stays=stays)
        self._pins.append(switch)
        return switch


def languages_of(written: Written) -> tuple[Literal["zh", "en"], ...]:
    """The languages of the house that this means, the first one first."""
    return ("zh", "en") if written == "both" else (written,)
