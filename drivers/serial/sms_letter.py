"""One short message with its parts, from the queue to the receiver's telephone. Pure: each step gives a new letter.

A part is HANDED before the modem hears of it. What becomes of a part that was handed and of which nothing is known is
DOUBTFUL, and a doubtful part is never handed again.
"""

from collections.abc import Collection
from enum import StrEnum

import msgspec

from drivers.serial.at_actor import Handover, Submitted
from drivers.serial.codec.at_errors import Remedy
from drivers.serial.codec.sms_pdu import Discharge, StatusReport
from drivers.serial.sms import Fate, Outcome

VAGUE_TRIES = 8
"""A modem that refuses without a reason may mean an empty purse or a wrong number: not tried for ever."""
_REFS = 256
_NATIONAL_DIGITS = 8
"""Shorter endings may be those of two people."""


class PartState(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"
    HANDED = "handed"
    DOUBTFUL = "doubtful"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """`pdu` is emptied when the letter is final. `ref_before` is the last reference that the modem gave before."""

    pdu: bytes
    tpdu_size: int
    state: PartState = PartState.WAITING
    ref: int | None = None
    ref_before: int | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """`digest` stands for receiver and text. `is_settled`: no more news is waited for."""

    number: int
    key: str
    digest: str
    to: str
    is_urgent: bool
    parts: tuple[Part, ...]
    tries: int = 0
    vague_tries: int = 0
    reason: str = ""
    is_settled: bool = False

    @property
    def states(self) -> frozenset[PartState]:
        """Of its parts."""
        return frozenset(part.state for part in self.parts)

    @property
    def fate(self) -> Fate:
        """Of the whole."""
        states = self.states
        if PartState.FAILED in states:
            return Fate.FAILED
        if states == {PartState.WAITING}:
            return Fate.QUEUED
        if states & {PartState.WAITING, PartState.HANDED}:
            return Fate.HANDED
        if PartState.DOUBTFUL in states:
            return Fate.UNCERTAIN if self.is_settled else Fate.HANDED
        return Fate.DELIVERED if states == {PartState.DELIVERED} else Fate.SENT

    @property
    def outcome(self) -> Outcome:
        """For whoever gave it."""
        is_final = self.is_settled or self.fate in (Fate.FAILED, Fate.DELIVERED)
        return Outcome(key=self.key, fate=self.fate, reason=self.reason, is_final=is_final)

    @property
    def waiting(self) -> int | None:
        """The part to hand next; None where none is."""
        if self.fate is Fate.FAILED or PartState.HANDED in self.states:
            return None
        return next((n for n, part in enumerate(self.parts) if part.state is PartState.WAITING), None)


def handed(letter: Letter, n: int, ref_before: int | None) -> Letter:
    """Part `n` is about to be given to the modem."""
    return _with(letter, n, state=PartState.HANDED, ref_before=ref_before)


def not_handed(letter: Letter, n: int) -> Letter:
    """Part `n` was not given to the modem after all."""
    return _with(letter, n, state=PartState.WAITING)


def handed_over(letter: Letter, n: int, submitted: Submitted) -> Letter:
    """What the modem said to part `n`."""
    if submitted.handover is Handover.TAKEN:
        return msgspec.structs.replace(_with(letter, n, state=PartState.SENT, ref=submitted.ref), tries=0, reason="")
    if submitted.handover is Handover.UNKNOWN:
        return doubted(letter)
    tried = msgspec.structs.replace(letter, tries=letter.tries + 1)
    if submitted.refusal is None:
        tried = msgspec.structs.replace(tried, reason="the modem does not ask for the message; it will be tried again")
        return _with(tried, n, state=PartState.WAITING)
    return _refused(tried, n, str(submitted.refusal), submitted.refusal.remedy)


def _refused(letter: Letter, n: int, words: str, remedy: Remedy) -> Letter:
    if remedy is Remedy.UNKNOWN_FATE:
        return msgspec.structs.replace(doubted(letter), reason=words)
    vague_tries = letter.vague_tries + (remedy is Remedy.VAGUE)
    letter = msgspec.structs.replace(letter, vague_tries=vague_tries, reason=words)
    is_over = remedy is Remedy.NEVER or (vague_tries >= VAGUE_TRIES and not letter.is_urgent)
    return _with(letter, n, state=PartState.FAILED if is_over else PartState.WAITING)


def doubted(letter: Letter) -> Letter:
    """Nothing is known of what was handed: the modem was silent, lost or cut off, or this program was."""
    parts = tuple(
        msgspec.structs.replace(part, state=PartState.DOUBTFUL) if part.state is PartState.HANDED else part
        for part in letter.parts
    )
    reason = "the modem did not say whether it was sent; it is not sent again by itself"
    return msgspec.structs.replace(letter, parts=parts, reason=reason)


def taken_late(letter: Letter, n: int, ref: int) -> Letter:
    """The modem's answer about a doubtful part came after all."""
    if letter.parts[n].state is not PartState.DOUBTFUL:
        return letter
    return _told(_with(letter, n, state=PartState.SENT, ref=ref))


def reported(letter: Letter, n: int, report: StatusReport) -> Letter:
    """What the network says of part `n`."""
    if report.discharge is Discharge.PENDING:
        return letter
    if report.discharge is Discharge.FAILED:
        failed = _with(letter, n, state=PartState.FAILED, ref=report.ref)
        reason = f"the network could not deliver it (status {report.status:#04x})"
        return msgspec.structs.replace(failed, reason=reason)
    is_sure = report.discharge is Discharge.DELIVERED
    return _told(_with(letter, n, state=PartState.DELIVERED if is_sure else PartState.SENT, ref=report.ref))


def _told(letter: Letter) -> Letter:
    return letter if PartState.DOUBTFUL in letter.states else msgspec.structs.replace(letter, reason="")


def settled(letter: Letter, reason: str) -> Letter:
    """No more news is waited for; what it holds is forgotten, for it is about people."""
    failed = letter.fate in (Fate.QUEUED, Fate.HANDED) and bool(letter.states & {PartState.WAITING, PartState.HANDED})
    parts = tuple(
        msgspec.structs.replace(part, pdu=b"", state=PartState.FAILED if failed and _is_open(part) else part.state)
        for part in letter.parts
    )
    return msgspec.structs.replace(letter, parts=parts, is_settled=True, reason=reason or letter.reason)


def _is_open(part: Part) -> bool:
    return part.state in (PartState.WAITING, PartState.HANDED)


def whose(letters: Collection[Letter], report: StatusReport) -> tuple[Letter, int] | None:
    """The letter and part that a status report is about; None where that is not certain.

    The reference of a part that was sent is known. Of a doubtful one it is not: but modems count up, so it is one of
    the next after the last that was known, and only one doubtful part may fit, for a wrong "delivered" could cost help.
    """
    parts = [(letter, n, part) for letter in letters for n, part in enumerate(letter.parts)]
    same = [found for found in parts if is_same_number(found[0].to, report.to)]
    told = [(letter, n, part) for letter, n, part in same if part.ref == report.ref]
    if told:  # references begin anew after 255: the latest is meant
        letter, n, part = max(told, key=lambda found: found[0].number)
        return None if part.state is PartState.DELIVERED else (letter, n)
    doubtful = [part for _, _, part in parts if part.state is PartState.DOUBTFUL]
    fitting = [
        (letter, n)
        for letter, n, part in same
        if part.state is PartState.DOUBTFUL and _may_be(report.ref, part.ref_before, doubtful)
    ]
    return fitting[0] if len(fitting) == 1 else None


def is_same_number(one: str, other: str) -> bool:
    """Whether two numbers are the same, where one may be written without its country code: networks do that."""
    shorter, longer = sorted((one.lstrip("+0"), other.lstrip("+0")), key=len)
    return shorter == longer or (len(shorter) >= _NATIONAL_DIGITS and longer.endswith(shorter))


def _may_be(ref: int, ref_before: int | None, doubtful: list[Part]) -> bool:
    if ref_before is None:
        return True
    since = sum(part.ref_before == ref_before for part in doubtful)
    return 1 <= (ref - ref_before) % _REFS <= since


def _with(letter: Letter, n: int, **changes: object) -> Letter:
    parts = list(letter.parts)
    parts[n] = msgspec.structs.replace(parts[n], **changes)
    return msgspec.structs.replace(letter, parts=tuple(parts))
