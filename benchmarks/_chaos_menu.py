"""Which faults there are, how often each comes, and what it touches."""

from collections.abc import Callable
from dataclasses import dataclass

import _chaos_faults as do
from _chaos_stage import Home, Stage

CENTRE = frozenset({"community", "broker", "database"})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break things.

    `weight`: how often, relative to the others; 0: once in a long run. `touches`: parts that it breaks; those of a home
    are `gateway`, `card`, `wall`, `line`. `needs`: parts that nobody else may break meanwhile. `in_all`: in all homes.
    """

    name: str
    do: do.Do
    weight: int = 0
    touches: frozenset[str]
    needs: frozenset[str] = frozenset()
    in_all: bool = False
    is_possible: Callable[[Stage, Home], bool] = lambda _stage, _home: True

    def parts(self, stage: Stage, home: Home) -> set[str]:
        """What it breaks or needs, by full name."""
        homes = stage.homes if self.in_all else [home]
        parts = self.touches | self.needs
        return {part for part in parts if part in CENTRE} | {
            f"{one.name}.{part}" for one in homes for part in parts if part not in CENTRE
        }


def _parts(*names: str) -> frozenset[str]:
    return frozenset(names)


def _has_database(stage: Stage, _home: Home) -> bool:
    return stage.database is not None


def _can_cut(_stage: Stage, home: Home) -> bool:
    return home.line.can_cut


FAULTS = (
    Fault(name="gateway killed", weight=8, do=do.kill_gateway, touches=_parts("gateway")),
    Fault(name="gateway killed while it starts", weight=4, do=do.kill_starting_gateway, touches=_parts("gateway")),
    Fault(name="gateway stopped in order", weight=2, do=do.stop_gateway, touches=_parts("gateway")),
    Fault(name="community server killed", weight=5, do=do.kill_community, touches=_parts("community")),
    Fault(
        name="community server killed while it starts",
        weight=3,
        do=do.kill_starting_community,
        touches=_parts("community"),
    ),
    Fault(name="community server stopped in order", weight=1, do=do.stop_community, touches=_parts("community")),
    Fault(name="centre's broker killed", weight=5, do=do.kill_broker, touches=_parts("broker")),
    Fault(name="database killed", weight=5, do=do.kill_database, touches=_parts("database"), is_possible=_has_database),
    Fault(
        name="all killed at once",
        weight=12,  # it can begin only where nothing else is on
        do=do.kill_all,
        touches=_parts("gateway", "community", "broker"),
        in_all=True,
    ),
    Fault(
        name="broker dies while nobody takes in",
        weight=4,
        do=do.ingest_down_while_broker_dies,
        touches=_parts("community", "broker"),
    ),
    Fault(
        name="gateway killed in an outage",
        weight=4,
        do=do.gateway_dies_in_an_outage,
        touches=_parts("gateway", "broker"),
    ),
    Fault(name="line cut", weight=3, do=do.cut, touches=_parts("line"), is_possible=_can_cut),
    Fault(name="black hole", weight=3, do=do.black_hole, touches=_parts("line"), is_possible=_can_cut),
    Fault(name="30 % of packets lost", weight=3, do=do.lossy, touches=_parts("line"), is_possible=_can_cut),
    Fault(
        name="packets late (netem)",
        weight=2,
        do=do.slow,
        touches=_parts("line"),
        in_all=True,
        is_possible=lambda stage, _home: stage.delay.is_possible,
    ),
    Fault(name="gateway frozen", weight=1, do=do.freeze_gateway, touches=_parts("gateway")),
    Fault(name="community server frozen", weight=1, do=do.freezing_community(1, 20), touches=_parts("community")),
    Fault(name="centre's broker frozen", weight=1, do=do.freezing_broker(1, 20), touches=_parts("broker")),
    Fault(
        name="database frozen",
        weight=1,
        do=do.freezing_database(1, 20),
        touches=_parts("database"),
        is_possible=_has_database,
    ),
    Fault(
        name="card full",
        weight=1,
        do=do.card_full,
        touches=_parts("card", "gateway", "line"),
        is_possible=lambda _, home: home.card.can_fill and not home.keeps_beside_the_card,
    ),
    Fault(
        name="card full, gateway killed",
        weight=2,
        do=do.card_full_and_killed,
        touches=_parts("card", "gateway"),
        is_possible=lambda _, home: home.card.can_fill and home.keeps_beside_the_card,
    ),
    Fault(
        name="card read-only, gateway killed",
        weight=2,
        do=do.card_read_only,
        touches=_parts("card", "gateway"),
        is_possible=lambda _, home: home.card.can_turn_read_only,
    ),
    Fault(
        name="clock steps",
        weight=3,
        do=do.clock_steps,
        touches=_parts("wall", "gateway"),
        is_possible=lambda _, home: home.wall.can_move,
    ),
    Fault(
        name="community server frozen for 215 s",
        do=do.freezing_community(do.LONG_S, do.LONG_S),
        touches=_parts("community"),
    ),
    Fault(
        name="centre's broker frozen for 215 s", do=do.freezing_broker(do.LONG_S, do.LONG_S), touches=_parts("broker")
    ),
    Fault(
        name="database frozen for 215 s",
        do=do.freezing_database(do.LONG_S, do.LONG_S),
        touches=_parts("database"),
        is_possible=_has_database,
    ),
    Fault(
        name="home cut off for 215 s",
        do=do.cut_off,
        touches=_parts("line"),
        needs=CENTRE,
        is_possible=_can_cut,
    ),
)
