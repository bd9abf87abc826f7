# ruff: noqa: E501
"""Faults planted in the engine of cases, one at a time: `./dev test --mutants`. Each must turn the tests red.

Works on a copy of the tree in a temporary folder. Prints the table that stands in docs/mutants.md (`--write` writes it)
and ends with 1 where a fault was not caught, or no longer finds its place in the code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/unit/test_engine_emergency.py",
    "tests/unit/test_engine_dispatch.py",
    "tests/unit/test_engine_workflow.py",
    "tests/unit/test_engine_properties.py",
)
_NEEDED = ("community", "shouwang", "messaging", "drivers", "rules", "config", "gateway", "simulators", "tests")
_LIMIT_S = 300
_HEAD = """# Planted faults

Written by `./dev test --mutants --write`: each fault is put into the engine of cases, one at a time.

"""


@dataclass(frozen=True)
class Mutant:
    """A fault: in `file`, `find` becomes `replace`."""

    what: str
    file: str
    find: str
    replace: str


MUTANTS = (
    Mutant("acknowledging starts no clock (the hole of GoAlert)", "community/workflows/emergency.yaml",
           "    red: {to: OPEN, do: [disown], call: [supervisor]}\n  total:",
           "    red: {}\n  total:"),
    Mutant("a red clock goes red only once", "community/clocks.py",
           "due_e=self._now_e + again, reds=clock.reds + 1", "due_e=self._now_e + 10**12, reds=clock.reds + 1"),
    Mutant("a more urgent alarm moves no clock", "community/engine.py",
           "if case.priority.rank < priority.rank:", "if case.priority.rank < 0:"),
    Mutant("raising puts due times off", "community/clocks.py",
           "due = min(clock.due_e, self._now_e + limit)", "due = self._now_e + limit"),
    Mutant("the last rung is missing", "community/workflows/emergency.yaml",
           "    - {at: 420s, call: [operators, supervisor], prompt: call_120, again: 60s}\n", ""),
    Mutant("a closed case takes alerts (keep#2481)", "community/engine.py",
           '    _refuse_ended(case, table)\n    draft = _Draft(case, table, context, at)\n    draft.take_alerts(alerts)\n    return draft.done("alert"',
           '    draft = _Draft(case, table, context, at)\n    draft.take_alerts(alerts)\n    return draft.done("alert"'),
    Mutant("a closed case takes the alerts of a merged one", "community/engine.py",
           '    _refuse_ended(case, table)\n    draft = _Draft(case, table, context, at)\n    draft.take_alerts(alerts)\n    return draft.done("absorbed"',
           '    draft = _Draft(case, table, context, at)\n    draft.take_alerts(alerts)\n    return draft.done("absorbed"'),
    Mutant("the total clock starts anew with each owner", "community/clocks.py",
           "            return msgspec.structs.replace(old, stands=not runs)\n        if not runs:",
           "            return self._begun(name, timer, case.priority) if runs else None\n        if not runs:"),
    Mutant("there is no total clock", "community/workflows/emergency.yaml",
           "    until_acted: true\n    limit: {P1: 5m, P2: 10m}", "    until_acted: true\n    limit: {P1: 500h, P2: 500h}"),
    Mutant("releasing lets the ladder begin anew", "community/engine.py",
           "        self.set(state=state, entered_e=self.context.now_e)",
           "        self.set(state=state, entered_e=self.context.now_e, rung=-1)"),
    Mutant("a rung that reaches nobody waits for its time (goalert#4548)", "community/engine.py",
           "        while not self._call(number) or number < rung:", "        self._call(number)\n        while number < rung:"),
    Mutant("a rung is skipped without a call", "community/engine.py",
           "        number = min(self.case.rung + 1, last)", "        number = min(max(rung, self.case.rung + 1), last)"),
    Mutant("a stale version is carried out", "community/guards.py",
           "    if order.version != case.version:", "    if order.version is None:"),
    Mutant("roles are not looked at", "community/engine.py",
           "if row is None or order.role not in row.who:", "if row is None:"),
    Mutant("who reported verifies", "community/guards.py", "    if case.reporter == order.by:", "    if case.reporter == '':"),
    Mutant("who handled calls back", "community/guards.py", "    if order.by in case.handlers:", "    if order.by in ():"),
    Mutant("a life alarm is resolved from afar without a voice", "community/guards.py",
           "    is_seconded = bool(order.second) and order.second != order.by",
           "    is_seconded = True"),
    Mutant("one is one's own second", "community/guards.py",
           "bool(order.second) and order.second != order.by", "bool(order.second)"),
    Mutant("a life alarm closes by itself", "community/guards.py",
           "    if case.priority.rank <= Severity.P2.rank:", "    if case.priority.rank < Severity.P1.rank:"),
    Mutant("merging lowers the priority", "community/guards.py",
           "    if order.into_priority.rank > case.priority.rank:", "    if order.into_priority.rank > 9:"),
    Mutant("a decline leaves nobody's case with the state of an owner", "community/workflows/emergency.yaml",
           "{to: ACKED, else_to: OPEN, do: [keep_owner, drop_offer], call: [next_candidate, family]}",
           "{to: ACKED, do: [keep_owner, drop_offer], call: [next_candidate, family]}"),
    Mutant("two accept one case", "community/deeds.py",
           "answers = {True: Answered.ACCEPTED, False: Answered.TAKEN}", "answers = {True: Answered.ACCEPTED, False: Answered.ASKED}"),
    Mutant("a promise of four minutes is believed for fifteen", "community/clocks.py",
           "        if order.eta_ms is not None:", "        if order.eta_ms == -1:"),
    Mutant("red without yellow", "community/clocks.py",
           "yellow_e=self._now_e + _share(limit, timer, priority) if timer.yellow else None", "yellow_e=None"),
    Mutant("a second yellow card after raising", "community/clocks.py",
           "        if yellow is not None:\n            yellow = min(yellow, ", "        if True:\n            yellow = min(yellow or 10**12, "),
    Mutant("an alarm that ended is still on", "community/engine.py",
           "(*case.active, *fired)).values()) - ended)", "(*case.active, *fired)).values()))"),
    Mutant("the log leaves out what changed to nothing", "community/engine.py",
           "if before is None or getattr(before, name) != getattr(after, name)",
           "if before is None or (getattr(before, name) != getattr(after, name) and getattr(after, name))"),
    Mutant("an operator takes any number of life alarms", "community/guards.py",
           "context.live_p1 >= MAX_LIVE_P1", "context.live_p1 > MAX_LIVE_P1"),
    Mutant("a table whose state has no clock is taken", "community/workflow.py",
           "            if not state.final and not runs:", "            if not state.final and False:"),
    Mutant("the owner is not called to account", "community/clocks.py",
           "            responsible=responsible(case, clock.name),", '            responsible="",'),
    Mutant("a case goes on by the table of today", "community/workflow.py",
           'return _read(f"{name}@{version}") or present', "return present"),
    Mutant("a clock that goes red again calls the same people", "community/engine.py",
           "0 if card is None else card.level", "0"),
    Mutant("a level above is left out", "community/workflow.py",
           "MANAGEMENT[highest + 1 : highest + 1 + repeats]", "MANAGEMENT[highest + repeats : highest + 1 + repeats]"),
    Mutant("a life alarm is merged into a technical case", "community/guards.py",
           "    if case.lane == LIFE_LANE and order.into_lane != LIFE_LANE:", "    if False:"),
    Mutant("an alarm after the result joins a case that nobody works on", "community/workflows/emergency.yaml",
           "reopens: [FEEDBACK, REVISIT]", "reopens: [REVISIT]"),
    Mutant("a relative is made the owner", "community/deeds.py",
           '    if order.role in {"family", "caller"}:', '    if order.role in {"nobody"}:'),
    Mutant("one who declines declines for all", "community/deeds.py",
           "and (is_clock or offer.to == who)", "and (is_clock or offer.to)"),
    Mutant("who went there may call back", "community/deeds.py",
           '"responder": who, "handlers": _with(case.handlers, who)}', '"responder": who}'),
    Mutant("120 called twice is two calls", "community/deeds.py",
           "    return known if one in known else (*known, one)", "    return (*known, one)"),
    Mutant("a decline ends the waiting for the others", "community/engine.py",
           "        stays = row.stays_while_asked and any(", "        stays = False and any("),
    Mutant("calling 120 does not count as acting", "community/workflows/emergency.yaml",
           "do: [help_120, acted]}", "do: [help_120]}"),
    Mutant("the ladder climbs on while somebody is on the way", "community/workflows/emergency.yaml",
           "ladder_on: [OPEN, DISPATCHED]", "ladder_on: [OPEN, DISPATCHED, EN_ROUTE]"),
    Mutant("the ladder stands while nobody has accepted", "community/workflows/emergency.yaml",
           "ladder_on: [OPEN, DISPATCHED]", "ladder_on: [OPEN]"),
    Mutant("a long promise puts the arrival off", "community/clocks.py",
           "        limit = min(clock.limit_ms, max(_AGAIN_AT_LEAST_MS, eta_ms * times // by))", "        limit = max(_AGAIN_AT_LEAST_MS, eta_ms * times // by)"),
    Mutant("a promise of no time at all is late at once", "community/clocks.py",
           "max(_AGAIN_AT_LEAST_MS, eta_ms * times // by)", "eta_ms * times // by"),
    Mutant("a raised case climbs by its old ladder", "community/clocks.py",
           "            climbed = self._next_rung(case, clock)", "            climbed = clock"),
    Mutant("the sign of life is not asked for anew", "community/clocks.py",
           "        return self._begun(clock.name, self._table.timers[clock.name], case.priority)\n\n    def _promised", "        return clock\n\n    def _promised"),
    Mutant("a complaint is forgotten", "community/deeds.py",
           '{"complaints": case.complaints + 1, ', "{"),
    Mutant("an alarm is a test because somebody says so", "community/guards.py", "    if not case.is_test:", "    if False:"),
    Mutant("a responder who is not on the way arrives", "community/guards.py",
           'if order.role == "responder" and case.responder != order.by:', "if False:"),
    Mutant("who was not asked accepts", "community/guards.py", "    if who not in asked:", "    if False:"),
    Mutant("a false life alarm needs neither voice nor eyes", "community/guards.py",
           "not (order.spoke or case.has_spoken or case.has_visited)", "False"),
)  # fmt: skip


def _is_caught(mutant: Mutant, folder: Path) -> bool | None:
    """None: the place is not there."""
    place = folder / mutant.file
    sound = place.read_text(encoding="utf-8")
    if sound.count(mutant.find) != 1:
        return None
    place.write_text(sound.replace(mutant.find, mutant.replace), encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    finally:
        place.write_text(sound, encoding="utf-8")
    return done.returncode in (1, 2)  # 2: the table is refused before any test begins


def main() -> int:
    lines = ["| planted fault | where | caught |", "| --- | --- | --- |"]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="shouwang-mutants-") as name:
        folder = Path(name) / "tree"
        for part in _NEEDED:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        for mutant in MUTANTS:
            caught = _is_caught(mutant, folder)
            word = {True: "yes", False: "**no**", None: "**its place is gone**"}[caught]
            failed += caught is not True
            lines.append(f"| {mutant.what} | `{mutant.file}` | {word} |")
            print(lines[-1], flush=True)
    print(f"{len(MUTANTS) - failed} of {len(MUTANTS)} planted faults were caught")
    if "--write" in sys.argv:
        (ROOT / "docs" / "mutants.md").write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
