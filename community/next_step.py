"""Which order is the next right one for whoever looks at a case: the one that his page shows large. Pure."""

from collections.abc import Container

from community.casefile import Case

_FIRST = ("ack", "let_go", "verify_ok", "revisit_ok", "dispatch", "report", "resolve_remote")
"""Take it; then look whether the elder is well; then send somebody: of those that the case allows, the first."""


def next_order(case: Case, possible: Container[str]) -> str:
    """A command that he may give now; empty: he waits for others."""
    wanted = next((command for command in _FIRST if command in possible), "")
    is_sent = case.state in _OTHERS_ACT and wanted == "report"  # by telephone, where the phone of the scene is dead
    return "" if is_sent else wanted


_OTHERS_ACT = frozenset({"DISPATCHED", "EN_ROUTE", "ON_SCENE"})
"""Somebody else is asked, on the way or there."""
