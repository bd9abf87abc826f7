"""For who installs: sound and show each annunciator once, close and open a cut-off, record the phrases, hush all."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, Never

from config.annunciators import ConsoleAnnunciatorPart, SpeechPart
from config.home import Home
from drivers.links import address_of
from drivers.mqtt.link import LocalBroker
from gateway.annunciators.announcement import Announcement, Annunciator, Cue, Phrase
from gateway.annunciators.beacon import SwitchedBeacon
from gateway.annunciators.outfit import Outfit, languages_of
from gateway.annunciators.signal import Signal, Standing
from gateway.annunciators.sounding_flag import SoundingFlag, flag_path
from gateway.annunciators.speech import SpeakerSettings, synthesise
from gateway.cut_off_words import WORDS
from gateway.equipment import links_of
from gateway.phrases import PHRASES, TEST
from gateway.supervise import keep
from shouwang.alert import Severity
from shouwang.bilingual import Bilingual, both, chinese, told_by
from shouwang.errors import ConfigError, DeviceError

SHOWN_S = 4.0
"""Long enough to hear a whole burst and to see a lamp flash."""
HUSH_S = 3.0
ATTACH_S = 5.0
Tell = Callable[[str], None]
_NAME = "by-hand"
_LOOK_S = 0.05
_FAULTY = "{name}: DOES NOT WORK: {error}", "{name}：不工作：{error}"
_SHOULD_BE = (
    "{name}: should be {done} ({sure}). Look at the valve or the stove: is it {done}?",
    "{name}：应该{done}（{sure}）。请看一眼阀门或炉灶：{done}吗？",
)
_OPEN, _CLOSED = Bilingual("open", zh="开着"), Bilingual("closed", zh="关着")
_SAYS_SO = Bilingual("the device itself says so", zh="设备自己这样报告")
_SAYS_NOTHING = Bilingual("the device says nothing itself", zh="设备自己没有报告")
_ALARM = Signal(key="try", severity=Severity.P1, standing=Standing.ALARM)


async def try_out(home: Home, tell: Tell, *, only: str | None = None) -> bool:
    """Let each annunciator be heard and seen once; whether all obeyed. Raises ConfigError where `only` is unknown."""
    names = [getattr(part, "id", part.kind) for part in home.annunciators]
    if only is not None and only not in names:
        raise ConfigError(
            Bilingual(
                f'no annunciator here has the name "{only}"; there are: {", ".join(names)}',
                zh=f"没有叫“{only}”的报警设备；有：{', '.join(names)}",
            )
        )

    async def work(outfit: Outfit) -> bool:
        worked = [await _flash(beacon, tell) for beacon in outfit.beacons if only in (None, beacon.name)]
        worked += [await _speak(speaker, tell) for speaker in outfit.annunciators if only in (None, speaker.name)]
        return all(worked)

    return await _with_outfit(home, work)


async def try_cut_off(home: Home, cut_off_id: str, tell: Tell, *, opens: bool) -> bool:
    """Close (or open) this one, and say how sure that is; whether it obeyed. Raises ConfigError."""
    part = next((cut_off for cut_off in home.cut_offs if cut_off.id == cut_off_id), None)
    if part is None:
        known = ", ".join(cut_off.id for cut_off in home.cut_offs) or Bilingual("none in this home", zh="这个家没有")
        raise ConfigError(
            Bilingual(
                f'no cut-off has the name "{cut_off_id}"; there are: {known}',
                zh=f"没有叫“{cut_off_id}”的切断装置；有：{chinese(known) or known}",
            )
        )
    level = part.is_on_when_closed is not opens

    async def work(outfit: Outfit) -> bool:
        switch = outfit.switches[part.id]
        tell(
            Bilingual(
                f"{part.id}: {'opens' if opens else 'closes'} now (switched {'on' if level else 'off'})",
                zh=f"{part.id}：现在{'打开' if opens else '关闭'}（开关{'接通' if level else '断开'}）",
            )
        )
        try:
            await switch.set(level)
        except DeviceError as error:
            tell(both(*_FAULTY, name=part.id, error=told_by(error)))
            return False
        sure = _SAYS_SO if switch.reported is level else _SAYS_NOTHING
        tell(both(*_SHOULD_BE, name=part.id, done=_OPEN if opens else _CLOSED, sure=sure))
        if not opens:
            tell(
                Bilingual(
                    f"open it again with: shouwang gateway try --cut-off {part.id} --open -c home.yaml",
                    zh=f"再打开：shouwang gateway try --cut-off {part.id} --open -c home.yaml",
                )
            )
        return True

    return await _with_outfit(home, work)


async def hush(home: Home) -> bool:
    """Put all sirens and lamps off, after a gateway that was killed; valves and stove stay. Whether all are off.

    Where gas was in the air, what could make a spark is left to the gateway, which knows when it is over.
    """
    flag = None if (path := flag_path()) is None else SoundingFlag(path)
    is_gas = flag is not None and flag.tells_gas
    silent = ConsoleAnnunciatorPart | SpeechPart
    parts = tuple(part for part in home.annunciators if isinstance(part, silent) or part.is_ex_safe or not is_gas)

    async def work(outfit: Outfit) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(HUSH_S):
                while not all(beacon.is_off for beacon in outfit.beacons):  # noqa: ASYNC110 - a moment
                    await asyncio.sleep(_LOOK_S)
        is_done = all(beacon.is_off for beacon in outfit.beacons)
        if is_done and flag is not None and not is_gas:
            flag.show(())
        return is_done

    if all(isinstance(part, silent) for part in parts):
        return True
    return await _with_outfit(home.model_copy(update={"annunciators": parts, "cut_offs": ()}), work)


async def record(home: Home, tell: Tell, *, into: Path | None, anew: bool) -> None:
    """Make a file of each phrase that never changes; what a person has recorded stays.

    Raises ConfigError, DeviceError.
    """
    part = next((part for part in home.annunciators if isinstance(part, SpeechPart)), SpeechPart(kind="speech"))
    folder = into or part.phrases
    if folder is None:
        raise ConfigError(
            Bilingual(
                'no folder is given; write "phrases: ..." under the annunciator of kind speech, or use --into',
                zh="没有写文件夹；请在 kind: speech 的报警设备下写 phrases: ...，或用 --into",
            )
        )
    languages = languages_of(part.language or home.gateway.language)
    settings = SpeakerSettings(
        player=part.player, device=part.device, languages=languages, speed=part.speed, volume=part.volume
    )
    for language in languages:
        await asyncio.to_thread((folder / language).mkdir, parents=True, exist_ok=True)
        for phrase in all_phrases():
            await _render(phrase, language, settings, folder, tell=tell, anew=anew)


def all_phrases() -> tuple[Phrase, ...]:
    """All that never change."""
    return (*PHRASES, *(phrase for steps in WORDS.values() for phrase in steps.values()))


async def _render(
    phrase: Phrase, language: Literal["zh", "en"], settings: SpeakerSettings, folder: Path, *, tell: Tell, anew: bool
) -> None:
    path = folder / language / f"{phrase.id}.wav"
    text: str = getattr(phrase.words, language)
    if not anew and await asyncio.to_thread(path.exists):
        tell(Bilingual(f"{path}: is there, stays  {text}", zh=f"{path}：已有，保留  {text}"))
        return
    await synthesise(text, language, settings, str(path))
    tell(Bilingual(f"{path}: made  {text}", zh=f"{path}：已生成  {text}"))


async def _flash(beacon: SwitchedBeacon, tell: Tell) -> bool:
    tell(Bilingual(f"{beacon.name}: sounds or shines now", zh=f"{beacon.name}：现在响或亮"))
    beacon.show([_ALARM])
    await asyncio.sleep(SHOWN_S)
    is_failing = beacon.is_failing
    beacon.show([])
    if is_failing:
        tell(Bilingual(f"{beacon.name}: DOES NOT WORK, see above", zh=f"{beacon.name}：不工作，见上面"))
    return not is_failing


async def _speak(speaker: Annunciator, tell: Tell) -> bool:
    tell(Bilingual(f"{speaker.name}: speaks now", zh=f"{speaker.name}：现在播报"))
    try:
        await speaker.announce(Announcement(cue=Cue.NOTICE, severity=Severity.P4, key="try", phrases=(TEST,)))
    except DeviceError as error:
        tell(both(*_FAULTY, name=speaker.name, error=told_by(error)))
        return False
    return True


async def _with_outfit(home: Home, work: Callable[[Outfit], Awaitable[bool]]) -> bool:
    """Do it with the outfit running; what is on is off at the end."""
    links = links_of(home, {})
    if home.local_broker is not None:
        # under its own name: under the gateway's it would be handed what the broker keeps for the gateway, alarms too
        links = replace(links, local_broker=LocalBroker(address_of(home.local_broker), name=_NAME))
    outfit = Outfit(home, links)
    async with asyncio.TaskGroup() as group:
        link = None if links.local_broker is None else await _connected(links.local_broker, group)
        running = group.create_task(outfit.run(), name="outfit")
        try:
            return await work(outfit)
        finally:
            running.cancel()
            await asyncio.wait([running], timeout=HUSH_S)
            if link is not None:
                link.cancel()


async def _connected(broker: LocalBroker, group: asyncio.TaskGroup) -> asyncio.Task[Never]:
    link = group.create_task(keep("the local MQTT broker", broker.run), name="local-broker")
    with suppress(TimeoutError):
        async with asyncio.timeout(ATTACH_S):
            while not broker.is_connected:  # noqa: ASYNC110 - a moment
                await asyncio.sleep(_LOOK_S)
    return link
