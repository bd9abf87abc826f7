"""`shouwang community kpi ...` and `scores ...`: figures of a month, scores recomputed from the log, the sample."""

import argparse
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from community.kpi import Figure
from community.kpi_desk import KpiDesk
from community.kpi_months import Month, month_named, month_of
from community.kpi_numbers import written
from community.scores import Score
from community.settings import load
from community.terminal import say, with_config, with_store
from shouwang.bilingual import both, told_by
from shouwang.errors import ConfigError, DecodeError

T = TypeVar("T")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of figures."""
    kpi = commands.add_parser("kpi", help="figures of a month").add_subparsers(required=True, metavar="COMMAND")
    _month(kpi.add_parser("show", help="each figure with its numerator and denominator")).set_defaults(func=_show)
    sample = _month(kpi.add_parser("sample", help="which closed cases of a month are to be looked over, by handler"))
    sample.set_defaults(func=_sample)
    scores = commands.add_parser("scores", help="scores of work in time").add_subparsers(
        required=True, metavar="COMMAND"
    )
    recompute = _month(
        scores.add_parser("recompute", help="make them anew from the audit log alone, and compare; 1: they differ")
    )
    recompute.set_defaults(func=_recompute)


def _month(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--month", metavar="2026-11", help="default: this one")
    return with_config(parser)


def _ask(options: argparse.Namespace, work: Callable[[KpiDesk], Awaitable[T]]) -> T:
    settings = load(options.config)
    return with_store(
        settings, lambda store: work(KpiDesk(store, clock=lambda: datetime.now(UTC), zone=settings.kpi.zone))
    )


def _show(options: argparse.Namespace) -> int:
    month = _month_of(options)
    page = _ask(options, lambda desk: desk.month(month))
    say(f"{month}, as it stood at {page.as_of.astimezone().isoformat(timespec='seconds')}")
    for figure in page.figures:
        say(_figure(figure))
    for time in page.times:
        say(f"step {time.phase}: p50 {_seconds(time.p50_ms)}, p90 {_seconds(time.p90_ms)} ({time.stays} times)")
    return 0


def _sample(options: argparse.Namespace) -> int:
    month = _month_of(options)
    drawn = _ask(options, lambda desk: desk.sample(month))
    for handler, cases in drawn:
        say(f"{handler}: {', '.join(map(str, cases))}")
    if not drawn:
        say(f"{month}: nothing to look over; the sample is drawn when the month has ended")
    return 0


_LOOK = "{error}; run `shouwang community audit verify`", "{error}；请运行 `shouwang community audit verify`"


def _recompute(options: argparse.Namespace) -> int:
    month = _month_of(options)
    try:
        found = _ask(options, lambda desk: desk.compare(month))
    except DecodeError as error:
        raise ConfigError(both(*_LOOK, error=told_by(error))) from error
    for score in found.scores:
        say(_score(score))
    for shown, sealed in found.scores_differ:
        say(f"DIFFERS: the page says {_score(shown)}; the log says {_score(sealed)}")
    for one, other in found.figures_differ:
        say(f"DIFFERS: the page says {_figure(one)}; the log says {_figure(other)}")
    count = len(found.scores_differ) + len(found.figures_differ)
    say(f"{month}: {len(found.scores)} scores, {f'{count} differ from the log' if count else 'the log says the same'}")
    return 0 if found.is_same else 1


def _month_of(options: argparse.Namespace) -> Month:
    return month_named(options.month) if options.month else month_of(datetime.now(UTC), load(options.config).kpi.zone)


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "nothing"
    name = f"{figure.kpi.value} {figure.of}".strip()
    red = "  MISSED" if figure.is_red else ""
    return f"{name}: {figure.numerator}/{figure.denominator} = {written(figure.value, 4)}{red}"


def _score(score: Score | None) -> str:
    if score is None:
        return "nothing"
    parts = f"yellow {score.yellow}, red {score.red}, timed steps {score.timed_steps}"
    more = f"excused {score.excused}, again {score.repeats}"
    return f"{score.group.value} {score.name or '-'}: {written(score.value)} ({parts}; {more})"


def _seconds(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.1f} s"
