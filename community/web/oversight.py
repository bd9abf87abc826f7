"""The rooms behind the pages of supervision, reports and shifts, and the press of their papers."""

from collections.abc import Callable
from datetime import datetime, tzinfo

from community.kpi_desk import KpiDesk
from community.reports_room import ReportRoom
from community.shift_report_room import ShiftReports
from community.store.database import Store
from community.supervision_room import SupervisionRoom
from community.web.paper import Press


def oversight(store: Store, kpis: KpiDesk, *, clock: Callable[[], datetime], zone: tzinfo | None) -> tuple[object, ...]:
    """For `create_app(rooms=...)`. `zone`: of days, weeks and months; None means the server's own."""
    return (
        ReportRoom(store, kpis, clock=clock, zone=zone),
        SupervisionRoom(store, kpis, clock=clock, zone=zone),
        ShiftReports(store, clock=clock),
        Press(),
    )
