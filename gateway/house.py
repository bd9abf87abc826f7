"""What the home itself does, without anybody's help: voice, siren, lamp, valves, and a word when the mains fail."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from config.box import BOX_ID
from config.home import Home
from drivers import Links
from gateway.annunciators.outfit import Outfit
from gateway.annunciators.signal import Beacon
from gateway.annunciators.sounding_flag import SoundingFlag, flag_path
from gateway.clock import Clock
from gateway.cut_off import NOTE, CutOff
from gateway.cut_offs import CutOffs
from gateway.danger_watch import DangerWatch
from gateway.local import Voice
from gateway.phrases import MAINS_BACK, MAINS_LOST
from shouwang.alert import Alert, Sentence
from shouwang.driver import Measurement, Notes
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading, SensorId
from shouwang.status import SensorStatus

_MAINS = "mains"


class House:
    """One home. `run` is a task of the gateway; `voice.run` is another, which outlives an exchange of the outfit."""

    def __init__(
        self,
        home: Home,
        links: Links,
        clock: Clock,
        *,
        notes: Mapping[str, Notes],
        accept: Callable[[Measurement | SensorStatus], None],
    ) -> None:
        """`notes`: how cut-offs were left; `accept` takes what they tell. Opens nothing."""
        self._clock = clock
        self._accept = accept
        self._notes = notes
        self._outfit = Outfit(home, links)
        flag = flag_path()
        self._flags = () if flag is None else (SoundingFlag(flag),)
        self._dangers = DangerWatch(clock, changed=self._look)
        self.voice = Voice(
            self._outfit.annunciators,
            clock,
            beacons=self._beacons(),
            is_quiet=self._is_quiet,
            is_gas=lambda: self._dangers.is_gas,
        )
        self._cut_offs = self._new_cut_offs(home, notes)
        self._mains_lost_at: set[str] = set()
        self.renew(home)

    def renew(self, home: Home) -> None:
        """The home has other buttons and hours from now on; its outfit stays."""
        self._home = home
        self._pauses = {(press.sensor, float(press.value)) for press in home.audio_pause}

    def refit(self, home: Home, links: Links, active: Iterable[Alert]) -> None:
        """The home has another outfit, while `run` does not run; `active`: the alarms that are on."""
        self._outfit = Outfit(home, links)
        before = self._cut_offs
        # one that was taken out of the configuration and comes back is as people left it: nothing opens by itself
        noted = {**self._notes, **{cut_off_id: {NOTE: text} for cut_off_id, text in before.noted().items()}}
        self._cut_offs = self._new_cut_offs(home, noted)
        self._cut_offs.alerts(active)
        self.voice.use(self._outfit.annunciators, self._beacons())

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms; never blocks."""
        alerts = tuple(alerts)
        self._dangers.alerts(alerts)  # before anything is switched for them
        self.voice.alerts(alerts)
        self._cut_offs.alerts(alerts)

    def hear(self, reading: Reading) -> None:
        """A reading of any sensor; never blocks."""
        self._dangers.hear(reading)
        self._cut_offs.hear(reading)
        if reading.quantity is Quantity.BUTTON:
            if (reading.sensor_id, reading.value) in self._pauses and not reading.is_late:
                self.voice.pause()
        elif reading.quantity is Quantity.MAINS_LOST and reading.sensor_id != BOX_ID:  # the box says it itself
            self._mains(reading)

    def status(self, status: SensorStatus) -> None:
        """A sensor is heard, or is not any more; never blocks."""
        self._dangers.status(status)

    def keep(self, sensors: Collection[SensorId]) -> None:
        """The others are no sensors of the home any more."""
        self._dangers.keep(sensors)

    def orders(self) -> dict[str, Callable[[], Sentence]]:
        """What people at the box may order, by the command's name; each gives what the home says then."""
        return {f"open {cut_off_id}": partial(self._open, cut_off_id) for cut_off_id in self._cut_offs.ids}

    async def run(self) -> None:
        """Sound, shine, close and open until cancelled."""
        await self._outfit.run(("cut-offs", self._cut_offs.run), ("dangers", self._dangers.run))

    # ---- inside ----

    def _open(self, cut_off_id: str) -> Sentence:
        return self._cut_offs.open(cut_off_id).words

    def _look(self) -> None:
        self.voice.look()
        self._cut_offs.look()

    def _beacons(self) -> list[Beacon]:
        return [*self._outfit.beacons, *self._flags]

    def _is_quiet(self) -> bool:
        now, zone = self._clock.now(), self._home.gateway.zone
        return any(hours.contains(now, zone) for hours in self._home.quiet_hours)

    def _mains(self, reading: Reading) -> None:
        """The elder hears at once why it is dark; the centre hears of it by a rule, when it lasts."""
        if reading.is_late or reading.quality is not Quality.GOOD:
            return
        was_lost = bool(self._mains_lost_at)
        (self._mains_lost_at.add if reading.value else self._mains_lost_at.discard)(reading.sensor_id)
        if bool(self._mains_lost_at) is was_lost:
            return
        was_unsaid = self.voice.withdraw(_MAINS)
        if not (was_lost and was_unsaid):
            self.voice.notice(MAINS_BACK if was_lost else MAINS_LOST, topic=_MAINS)

    def _new_cut_offs(self, home: Home, noted: Mapping[str, Notes]) -> CutOffs:
        return CutOffs(
            [
                CutOff(
                    part,
                    self._outfit.switches[part.id],
                    self._clock,
                    noted=noted.get(part.id, {}).get(NOTE),
                    dangers=self._dangers,
                    accept=self._accept,
                    say=self.voice.cut_off,
                )
                for part in home.cut_offs
            ]
        )
