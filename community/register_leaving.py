"""Somebody of the register lives there no more, or was said so by mistake. The entry stays (decision 034)."""

from community.register_forms import Fault, Unfit, row_of
from community.register_room import RegisterRoom, Sheet, Wish
from community.registry import ResidentRow
from community.rights import Right
from community.store import living, register_keeping
from community.store.centre_zone import here
from community.store.database import Connection
from community.store.people_register import Hand


async def leave(room: RegisterRoom, wish: Wish, left: str, left_on: str) -> None:
    """Since this day, empty for today. Raises Unfit, also while an alarm of the home is being handled."""

    def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
        before, today = sheet.entry.resident, here(connection, hand.at).date().isoformat()
        row = _row(before, left=left, left_on=left_on or today)
        if before.left is not None:
            raise Unfit({"left": Fault.GONE})
        if row.left_on > today:
            raise Unfit({"left_on": Fault.FUTURE})
        if living.is_being_helped(connection, before.home):
            raise Unfit({"left": Fault.OPEN_CASE})
        return register_keeping.keep_rows(connection, [row], hand, {})

    await room.keep(wish, Right.KEEP_REGISTER, lambda sheet: sheet.entry.person_stands, work)


async def stay(room: RegisterRoom, wish: Wish) -> None:
    """He has not left: all goes on as before."""

    def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
        row = _row(sheet.entry.resident, left=None, left_on="")
        return register_keeping.keep_rows(connection, [row], hand, {})

    await room.keep(wish, Right.KEEP_REGISTER, lambda sheet: sheet.entry.person_stands, work)


def _row(before: ResidentRow, *, left: str | None, left_on: str) -> ResidentRow:
    same = {"id": before.id, "home": before.home, "order": before.order, "name": before.name}
    return row_of(ResidentRow, {**same, "left": left, "left_on": left_on})
