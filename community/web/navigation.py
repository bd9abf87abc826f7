"""Which pages the console has, and to whom each is offered. Whether he gets in is judged by the page itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from community.rights import Right, holds
from community.users import Role, User
from community.web.words import marked


@dataclass(frozen=True, slots=True)
class Link:
    """A page: its address, its name (a msgid), the right that it needs. `is_aside`: it stands in the menu "More".

    `is_apart`: it opens in a window of its own, so that the page from which it is opened goes on ringing.
    """

    address: str
    name: str
    right: Right
    is_aside: bool = False
    is_apart: bool = False


LINKS = (
    Link("/queue", marked("Queue"), Right.READ_QUEUE),
    Link("/requests/new", marked("New request"), Right.WORK_CASES),
    Link("/residents", marked("Residents"), Right.READ_RESIDENTS),
    Link("/gateways", marked("Gateways"), Right.READ_HOMES),
    Link("/shifts", marked("Shifts"), Right.READ_QUEUE),
    Link("/plan", marked("Plan"), Right.READ_QUEUE, is_aside=True),
    Link("/kpi", marked("Figures"), Right.READ_KPIS, is_aside=True),
    Link("/wall", marked("Wallboard"), Right.READ_KPIS, is_aside=True, is_apart=True),
    Link("/care", marked("Care that is overdue"), Right.KEEP_REGISTER, is_aside=True),
    Link("/supervision", marked("Supervision"), Right.READ_SCORES, is_aside=True),
    Link("/reports", marked("Reports"), Right.READ_KPIS, is_aside=True),
    Link("/reviews", marked("My calls, looked over"), Right.WORK_CASES, is_aside=True),
    Link("/closed", marked("Closed cases"), Right.READ_QUEUE, is_aside=True),
    Link("/access", marked("Looked at with a reason"), Right.READ_ACCESS, is_aside=True),
    Link("/admin", marked("Administration"), Right.READ_SETTINGS, is_aside=True),
)


def links_of(user: User, *, is_aside: bool) -> Iterator[Link]:
    """What this user is offered, in the bar or in the menu beside it."""
    if user.role in {Role.RESPONDER, Role.FAMILY}:  # each has a page of his own, and no desk
        return iter(())
    return (link for link in LINKS if link.is_aside is is_aside and holds(user, link.right))
