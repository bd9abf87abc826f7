"""What the home says, in words for somebody who is old, hard of hearing and frightened: short, plain, calm.

Phrases with an id never change, so that they may be recorded (`gateway phrases`); only what a rule has seen is put into
words anew each time.
"""

from collections.abc import Mapping

from config.cut_offs import Danger
from gateway import circle_words
from gateway.annunciators.announcement import Announcement, Cue, Phrase
from gateway.dangers import danger_of
from rules.inactivity import HAZARD as INACTIVITY
from shouwang.alert import Alert, AlertState, Sentence, Severity


def fixed(phrase_id: str, zh: str, en: str) -> Phrase:
    """A phrase that never changes."""
    return Phrase(id=phrase_id, words=Sentence(zh=zh, en=en))


# ---- an alarm and what becomes of it ----
RAISED = fixed("raised", "警报响了，正在呼叫帮助。", "The alarm is raised. Calling for help.")
CANCELLED = fixed("cancelled", "好的，已取消。", "All right, cancelled.")
RESOLVED = fixed("resolved", "警报已解除。", "The alarm is over.")
PUT_RIGHT = fixed("put-right", "刚才提示的问题，已经好了。", "What I told you about is in order again.")
PAUSED = fixed(
    "paused",
    "声音暂停两分钟。报警仍在，帮助照常呼叫；有新的报警会立即播报。",
    "Sound is off for two minutes. The alarm is still on, and help is called; a new alarm will sound at once.",
)
NOTICE = fixed("notice", "提示：", "Notice")
TEST = fixed("test", "这是测试，不会派人来。", "This is a test. Nobody is sent.")

# ---- questions ----
ASK = fixed(
    "ask",
    "您还好吗？如果没事，请按取消键；不然就会呼叫帮助。",
    "Are you all right? If so, press cancel; otherwise help will be called.",
)
ASK_STILL = fixed(
    "ask-still",
    "您还好吗？如果没事，请按取消键或走动一下；不然就会呼叫帮助。",
    "Are you all right? If so, press cancel or move about; otherwise help will be called.",
)
ASK_FALL = fixed(
    "ask-fall",
    "您摔倒了吗？如果没事，请按取消键；不然就会呼叫帮助。",
    "Did you fall? If you are all right, press cancel; otherwise help will be called.",
)
# brief: in two languages, with the warning of the cut after it, it must be over before the cut (15 s, EN 50615)
ASK_STOVE = fixed(
    "ask-stove-briefly",
    "炉灶开着没人。在用请按取消。",
    "The stove is on, unwatched. To keep it, press cancel.",
)
_QUESTIONS: Mapping[str, Phrase] = {
    INACTIVITY: ASK_STILL,
    "fall": ASK_FALL,
    "stove": ASK_STOVE,
}
_SAYS_ITSELF = frozenset({ASK_STOVE.id})
"""Questions to which what the rule has seen adds nothing that helps."""

# ---- dangers: what to do comes before all else ----
SMOKE = fixed(
    "smoke", "有烟，请马上出门，不要坐电梯。", "There is smoke. Please leave the home now. Do not use the lift."
)
GAS = fixed(
    "gas",
    "有煤气。不要点火，不要碰开关。请开窗，马上出门。",
    "There is gas. No flame, and touch no switch. Open a window and go outside now.",
)
MONOXIDE = fixed(
    "carbon-monoxide",
    "有一氧化碳，会中毒。请开窗，马上出门。",
    "There is carbon monoxide. Open a window and go outside now.",
)
LEAK = fixed("leak", "漏水了。地上滑，请小心。", "Water is leaking. The floor is wet. Please take care.")
_DANGERS: Mapping[Danger | None, Phrase] = {
    Danger.SMOKE: SMOKE,
    Danger.HEAT: SMOKE,
    Danger.GAS: GAS,
    Danger.CARBON_MONOXIDE: MONOXIDE,
    Danger.LEAK: LEAK,
}

# ---- the house ----
MAINS_LOST = fixed("mains-lost", "停电了。守望还在工作。", "The power is out. I am still watching.")
MAINS_BACK = fixed("mains-back", "来电了。", "The power is back.")


SECOND_PATH = (
    Phrase(id="sent", words=circle_words.ARRIVED),
    Phrase(id="sent-at-last", words=circle_words.ARRIVED_AT_LAST),
    Phrase(id="texting", words=circle_words.TEXTING),
    Phrase(id="texted", words=circle_words.TEXTED),
    Phrase(id="no-way", words=circle_words.NO_WAY),
    Phrase(id="nobody", words=circle_words.NOBODY),
)
PHRASES = (
    RAISED,
    CANCELLED,
    RESOLVED,
    PUT_RIGHT,
    PAUSED,
    NOTICE,
    TEST,
    ASK,
    ASK_STILL,
    ASK_FALL,
    ASK_STOVE,
    SMOKE,
    GAS,
    MONOXIDE,
    LEAK,
    MAINS_LOST,
    MAINS_BACK,
    *SECOND_PATH,
)
"""Those of alarms and of the house; those of cut-offs are in gateway.cut_off_words."""


def of_alert(alert: Alert) -> Announcement:
    """What a step of an alarm is to be told as."""
    cue = _cue_of(alert)
    why = Sentence(zh=alert.why.zh, en=f"{alert.why.en[:1].upper()}{alert.why.en[1:]}")
    return Announcement(
        cue=cue, severity=alert.severity, key=alert.key, phrases=_phrases(alert, cue, Phrase(words=why))
    )


def still_on(alert: Alert, progress: tuple[Phrase, ...]) -> Announcement:
    """An alarm said again: where help stands, instead of that it is called."""
    said = of_alert(alert)
    return Announcement(
        cue=said.cue, severity=said.severity, key=said.key, phrases=(*_first(alert), *progress, said.phrases[-1])
    )


def of_second_path(words: Sentence) -> Phrase:
    """What the second path says, with its id where it never changes."""
    return next((phrase for phrase in SECOND_PATH if phrase.words == words), Phrase(words=words))


def _cue_of(alert: Alert) -> Cue:
    if alert.state is AlertState.FIRING:
        return Cue.ALARM if alert.severity.rank <= Severity.P2.rank else Cue.NOTICE
    return {
        AlertState.PREALARM: Cue.PREALARM,
        AlertState.CANCELLED: Cue.CANCELLED,
        AlertState.RESOLVED: Cue.RESOLVED,
    }[alert.state]


def _phrases(alert: Alert, cue: Cue, why: Phrase) -> tuple[Phrase, ...]:
    if cue is Cue.CANCELLED:
        return (CANCELLED,)
    if cue is Cue.RESOLVED:
        return (RESOLVED if alert.severity.rank <= Severity.P2.rank else PUT_RIGHT,)
    if cue is Cue.PREALARM:
        question = _QUESTIONS.get(alert.hazard, ASK)
        return (question,) if question.id in _SAYS_ITSELF else (question, why)
    if cue is Cue.NOTICE:
        return (NOTICE, why)
    return (*_first(alert), RAISED, why)


def _first(alert: Alert) -> tuple[Phrase, ...]:
    danger = _DANGERS.get(danger_of(alert.hazard))
    return () if danger is None else (danger,)
