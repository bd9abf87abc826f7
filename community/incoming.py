"""Files brought in, the same for commands and console: tried without a trace, or taken in, and told line by line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from community.dispatch_file import DispatchFile
from community.registry import Reading, Register
from community.registry_batches import batches
from community.registry_checks import sift
from community.store import rosters
from community.store.database import Connection, Store
from community.store.people_export import known
from community.store.people_register import Hand, Tally, take_in
from shouwang.bilingual import Bilingual, both

SHOWN = 200
"""Changes told one by one; a register of thousands is better looked at in files."""


class _Undone(Exception):
    """No error: the transaction is not to be kept."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        self.lines = lines


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of the rows of a register, and why not of the others."""

    tally: Tally
    sifted: Reading

    def lines(self) -> tuple[str, ...]:
        """The changes, then how many of each table."""
        tally = self.tally
        more = len(tally.changes) - SHOWN
        told = [_changed(one) for one in tally.changes[:SHOWN]]
        told += [both("... and {more} more", "……还有 {more} 处", more=more)] if more > 0 else []
        for table, new in tally.new.items():
            changed, same = tally.changed[table], tally.same[table]
            if new or changed or same:
                told.append(both(*_COUNTED, table=_named(table), new=new, changed=changed, same=same))
        return tuple(told)


async def bring_in(
    store: Store,
    file: DispatchFile,
    now: datetime,
    *,
    dry: bool = False,
    note: Callable[[Connection, tuple[str, ...]], None] = lambda _connection, _lines: None,
) -> tuple[str, ...]:
    """Units, responders, grids and duties; how many of each, and who is asked no more. `note`: goes with it or not.

    Raises ConfigError where something is named that nobody knows; nothing is changed then.
    """

    def work(connection: Connection) -> tuple[str, ...]:
        left = rosters.left_out(connection, file)
        counts = rosters.bring_in(connection, file, now)
        counted = (both("{part}: {count}", "{part}：{count}", part=_named(one), count=n) for one, n in counts.items())
        lines = (*counted, *_asked_no_more(left))
        if dry:
            raise _Undone(lines)
        note(connection, lines)
        return lines

    try:
        return await store.write(work)
    except _Undone as undone:
        return undone.lines


async def take(store: Store, reading: Reading, hand: Hand, pinned: Mapping[str, str]) -> Taken:
    """The rows of a register that fit; `pinned`: the boxes of homes that community.yaml names."""
    sifted = await sifted_by(store, reading, pinned, hand.at)
    tally = Tally()
    run = store.read if hand.dry else store.write
    for part in batches(sifted.register):

        def work(connection: Connection, part: Register = part) -> None:
            take_in(connection, part, hand, tally)

        await run(work)
    return Taken(tally=tally, sifted=sifted)


async def sifted_by(store: Store, reading: Reading, pinned: Mapping[str, str], now: datetime) -> Reading:
    """The rows that fit what is on file, and why not the others."""
    on_file = await store.read(known)
    return sift(reading, replace(on_file, pinned=pinned), now)


def _asked_no_more(left: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(
        both(
            *_ASKED_NO_MORE,
            part=_named(part),
            ids=", ".join(ids[:SHOWN]),
            more=both(" and {more} more", "，还有 {more} 个", more=len(ids) - SHOWN) if len(ids) > SHOWN else "",
        )
        for part, ids in left.items()
        if ids
    )


def _named(table: str) -> str:
    return Bilingual(table, zh=_TABLES.get(table, table))


def _changed(line: str) -> str:
    """A change as the register tells it: the table first."""
    table, _, rest = line.partition(" ")
    return both("{table} {rest}", "{table} {rest}", table=_named(table), rest=rest)


_COUNTED = (
    "{table}: {new} new, {changed} changed, {same} as before",
    "{table}：新增 {new}，改动 {changed}，不变 {same}",
)
_ASKED_NO_MORE = (
    "{part} that the file no longer names, asked no more: {ids}{more}",
    "文件里不再列出的{part}，今后不再派：{ids}{more}",
)
_TABLES = {
    "places": "地点",
    "homes": "住户",
    "residents": "老人",
    "contacts": "联系人",
    "consents": "同意书",
    "devices": "设备",
    "care_plans": "慢病计划",
    "assessments": "评估",
    "medicines": "用药",
    "units": "单位",
    "responders": "处置人员",
    "grids": "网格",
    "duties": "值守",
    "shifts": "人员班次",
    "absences": "缺勤",
}
