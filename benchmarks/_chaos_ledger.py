"""The ledger: what the homes' brokers took from sensors, against what the centre stored and told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from _chaos_home import STRAPS, Said, Value
from _chaos_stage import Stage
from _figures import Figure
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from community.supervision import AFTER_WILL, OFFLINE_AFTER

_SHOWN = 20
_US = 1_000_000
_LEAST_SILENCE_US = OFFLINE_AFTER // AFTER_WILL // timedelta(microseconds=1)
"""No home may be told offline before it has been silent for so long, while the centre could hear it."""
_READINGS = (
    "SELECT s.gateway_id, s.sensor_id, x.value, count(*) FROM samples x JOIN series s ON s.series_id = x.series_id"
    " GROUP BY 1, 2, 3"
)
_ALARMS = (
    "SELECT gateway_id, key, count(*) FROM alerts WHERE state = 'firing' AND key LIKE 'pulse-high:%' GROUP BY 1, 2"
)
_ORPHANS = "SELECT count(*) FROM alerts WHERE state = 'firing' AND incident_id IS NULL"
_IN_TWO = (
    "SELECT count(*) FROM (SELECT gateway_id, key, since FROM alerts GROUP BY 1, 2, 3"
    " HAVING count(DISTINCT incident_id) > 1) AS doubled"
)
_UNENDED = (  # that the gateway starts so often is rightly told for hours
    "SELECT a.gateway_id, a.alert_id FROM alerts a WHERE a.state = 'firing' AND a.key NOT LIKE 'restarts:%'"
    " AND NOT EXISTS (SELECT 1 FROM alerts b WHERE b.key = a.key AND b.gateway_id = a.gateway_id"
    " AND b.since = a.since AND b.state = 'resolved')"
)
_OPEN_TWICE = (
    "SELECT count(*) FROM (SELECT home_key, lane FROM incidents WHERE state <> 'CLOSED' GROUP BY 1, 2"
    " HAVING count(*) > 1) AS doubled"
)
_DEAD = "SELECT count(*) FROM dead_letters"
_GAPS = (
    "SELECT m.gateway_id, g.code, g.lost, g.first_at, g.last_at FROM gaps g"
    " JOIN messages m ON m.message_id = g.message_id"
)
_GAP_S = 10.0
"""From a sensor's word to its time in the home, which was frozen or restarted in between."""
_NOT_THERE = (
    "SELECT count(*) FROM gateways g LEFT JOIN supervision s ON s.gateway_id = g.gateway_id"
    " WHERE NOT g.online OR s.offline_since IS NOT NULL"
)
_LOST_WAYS = "SELECT count(*) FROM path_states WHERE path = 'internet' AND (NOT is_up OR told_since IS NOT NULL)"
_HEARD_ONCE = "SELECT count(*) FROM gateways WHERE last_seen IS NOT NULL"
_STORMS = "SELECT count(*) FROM storms WHERE ended_at IS NULL"
_OUTAGES = "SELECT gateway_id, since, received_at FROM alerts WHERE key LIKE 'gateway-silent:%' AND state = 'firing'"
_HEARD = "SELECT min(received_at) FROM messages WHERE gateway_id = '{gateway_id}' AND received_at > {since}"


def rows(stage: Stage, question: str, url: str = "") -> list[tuple[object, ...]]:
    """Ask the centre's database, or the one at `url`."""
    engine = create_engine((url or stage.store_url).replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(question))]
    finally:
        engine.dispose()


def number(stage: Stage, question: str) -> int:
    """Its one number."""
    return int(str(rows(stage, question)[0][0]))


def stored(stage: Stage) -> Counter[Value]:
    """The readings that the centre has."""
    found = rows(stage, _READINGS, stage.measurements_url)
    return Counter({(str(g), str(s), round(float(str(v)), 3)): int(str(n)) for g, s, v, n in found})


def not_heard(stage: Stage) -> int:
    """How many homes the centre has never heard."""
    try:
        return len(stage.homes) - number(stage, _HEARD_ONCE)
    except DBAPIError:  # its tables are not made yet
        return len(stage.homes)


def disagreements(stage: Stage) -> int:
    """Homes, ways and storms of which the centre does not say what is true when all is well again."""
    return sum(number(stage, question) for question in (_NOT_THERE, _LOST_WAYS, _STORMS))


def entries(stage: Stage, said: Said, deaf: Sequence[tuple[int, int]]) -> list[Figure]:
    """The whole ledger. `deaf`: when the centre was broken (microseconds since 1970)."""
    there = stored(stage)
    missing = said.values - there
    ours = {sensor for _, sensor, _ in said.values}
    doubled = Counter({value: n for value, n in (there - said.values).items() if value[1] in ours})
    raised = Counter({(str(g), str(key).rpartition(":")[2]): int(str(n)) for g, key, n in rows(stage, _ALARMS)})
    _show("lost", missing)
    _show("doubled", doubled)
    _show("alarm lost", said.alarms - raised)
    _show("alarm doubled", raised - said.alarms)
    dropped = _dropped(stage, said, missing)
    unended = rows(stage, _UNENDED)
    for gateway_id, alert_id in unended[:_SHOWN]:
        print(f"          no end of {alert_id} of {gateway_id}")
    audit = stage.audit()
    if audit:
        print(f"          the audit says: {audit[-500:]}")
    return [
        Figure(name="readings that the homes' brokers took", value=said.values.total()),
        Figure(name="readings that a full card dropped, and told", value=dropped),
        Figure(name="readings lost", value=missing.total() - dropped, target=0),
        Figure(name="readings doubled", value=doubled.total(), target=0),
        Figure(name="alarms that began at home", value=said.alarms.total()),
        Figure(name="alarms lost", value=(said.alarms - raised).total(), target=0),
        Figure(name="alarms doubled", value=(raised - said.alarms).total(), target=0),
        Figure(name="alarms without a case", value=number(stage, _ORPHANS), target=0),
        Figure(name="alarms in two cases", value=number(stage, _IN_TWO), target=0),
        Figure(name="alarms whose end did not come", value=len(unended), target=0),
        Figure(name="homes with two open cases in one lane", value=number(stage, _OPEN_TWICE), target=0),
        Figure(name="messages that could not be read", value=number(stage, _DEAD), target=0),
        Figure(name="evidence that the audit doubts", value=int(bool(audit)), target=0),
        *_outages(stage, deaf),
        Figure(name="homes, ways and storms told wrongly at the end", value=disagreements(stage), target=0),
        Figure(
            name="straps that never alarmed (a planted fault shows here)", value=STRAPS * len(stage.homes) - len(raised)
        ),
    ]


def _dropped(stage: Stage, said: Said, missing: Counter[Value]) -> int:
    """How many of the missing readings fall into a gap that their home has told, and are no more than it said."""
    gaps: list[tuple[str, float, float]] = []
    told, kinds = Counter[str](), Counter[str]()
    for gateway_id, code, lost, first, last in rows(stage, _GAPS):
        kinds[f"{gateway_id} ({code})"] += int(str(lost))
        told[str(gateway_id)] += int(str(lost))
        gaps.append((str(gateway_id), int(str(first or 0)) / _US - _GAP_S, int(str(last or 0)) / _US + _GAP_S))
    for kind, lost_of_it in kinds.items():
        print(f"          told as missing by {kind}: {lost_of_it}")
    within = Counter[str]()
    for value, count in missing.items():
        if any(gateway_id == value[0] and first <= said.at[value] <= last for gateway_id, first, last in gaps):
            within[value[0]] += count
    return (within & told).total()


def _show(what: str, some: Counter[Value] | Counter[tuple[str, str]]) -> None:
    for key, count in list(some.items())[:_SHOWN]:
        print(f"          {what}: {' '.join(map(str, key))} ({count})")


def _outages(stage: Stage, deaf: Sequence[tuple[int, int]]) -> list[Figure]:
    told = Counter[str]()
    wrongly = 0
    for gateway_id, since, at in ((str(g), int(str(s)), int(str(a))) for g, s, a in rows(stage, _OUTAGES)):
        told[gateway_id] += 1
        silence = at - since - sum(max(0, min(at, end) - max(since, begin)) for begin, end in _joined(deaf))
        heard = rows(stage, _HEARD.format(gateway_id=gateway_id, since=since))[0][0]
        if silence < _LEAST_SILENCE_US or (heard is not None and int(str(heard)) < at):
            wrongly += 1
            print(f"          {gateway_id} was told offline after {silence / _US:.0f} s in which it could be heard")
    missed = sum(max(0, home.cut_off - told[home.gateway_id]) for home in stage.homes)
    return [
        Figure(name="outages of homes that the centre told", value=told.total()),
        Figure(name="outages told that were none", value=wrongly, target=0),
        Figure(name="homes cut off that nobody was told of", value=missed, target=0),
    ]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without overlaps."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined
