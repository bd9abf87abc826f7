"""Homes on file whose gateway has never been heard: put up and never connected, or never put up. A pure judgement.

Those that become due together are one case: a city that is brought in from a list is no storm of cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

NEVER = "gateway-never-heard"
"""The hazard of the alarm that tells it; its key begins so."""
CONNECTED_WITHIN = timedelta(hours=24)
"""From the day on which a home is put on file its resident may believe to be watched. Set by this project."""
_LISTENED_FOR = timedelta(minutes=3)
"""A centre that has just been started first lets them speak."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A gateway of a home on file that was never heard, or one that was told not to have been.

    `told_as`: the first gateway of those that were told together, at `told_at`.
    """

    gateway_id: str
    is_on_file: bool
    is_heard: bool
    on_file_at: datetime | None = None
    told_as: str | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PutOnFile:
    """From now on these are waited for."""

    gateway_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NeverHeard:
    """These have not been heard since they were put on file."""

    gateway_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardAtLast:
    """Of those told together as `told_as` these are heard, or are on file no more; `are_all`: nobody is left."""

    gateway_ids: tuple[str, ...]
    told_as: str
    told_at: datetime
    are_all: bool


def judge_expected(
    homes: Sequence[Expected], *, now: datetime, listening_since: datetime
) -> list[PutOnFile | NeverHeard | HeardAtLast]:
    """What is new of them."""
    found: list[PutOnFile | NeverHeard | HeardAtLast] = []
    waited_for = [home for home in homes if home.is_on_file and not home.is_heard and home.told_as is None]
    # put on file in the future: the centre's clock was set back
    if new := tuple(home.gateway_id for home in waited_for if home.on_file_at is None or home.on_file_at > now):
        found.append(PutOnFile(gateway_ids=new))
    is_listening = now - listening_since > _LISTENED_FOR
    due = tuple(home.gateway_id for home in waited_for if _is_due(home.on_file_at, now))
    if due and is_listening:
        found.append(NeverHeard(gateway_ids=due))
    return found + _at_last(homes)


def _is_due(on_file_at: datetime | None, now: datetime) -> bool:
    return on_file_at is not None and now - on_file_at > CONNECTED_WITHIN


def _at_last(homes: Sequence[Expected]) -> list[PutOnFile | NeverHeard | HeardAtLast]:
    groups: dict[tuple[str, datetime], list[Expected]] = {}
    for home in homes:
        if home.told_as is not None and home.told_at is not None:
            groups.setdefault((home.told_as, home.told_at), []).append(home)
    found: list[PutOnFile | NeverHeard | HeardAtLast] = []
    for (told_as, told_at), group in groups.items():
        over = tuple(home.gateway_id for home in group if home.is_heard or not home.is_on_file)
        if over:
            are_all = len(over) == len(group)
            found.append(HeardAtLast(gateway_ids=over, told_as=told_as, told_at=told_at, are_all=are_all))
    return found
