"""An erased person's measurements go, wherever they lie: both databases, the copy elsewhere, what is on its way there.

Each part may be done again: whoever was interrupted begins anew.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import httpx
import msgspec

from community.measurement_settings import HistoryEntry, MeasurementsEntry
from community.measurements.history import ESCAPES, MEASUREMENT, REQUEST_S
from community.measurements.place import Place, measured_file, spool_beside
from community.store import people_forgetting
from community.store.database import Store
from community.store.history_spool import open_spool
from community.store.measurement_file import open_file
from community.store.schema import EARLIEST, LATEST
from community.store.stays import Claim
from messaging.secret import read_secret
from shouwang.bilingual import Bilingual, both
from shouwang.errors import TryLater

_NOT_OPEN = Bilingual("the place of measurements is not open yet", zh="存放测量数据的地方还没有打开")
_NOT_DELETED = (
    "{url}: the copy of measurements cannot be deleted: {error}",
    "{url}：测量数据的副本删不掉：{error}",
)
_BY_HAND = (
    (
        "InfluxDB cannot delete by a tag that is missing: delete by hand, in {bucket}, what {gateway} measured "
        "without a tag resident from {start} to {end}"
    ),
    (
        "InfluxDB 不能按缺少的标签删除：请手工删除 {bucket} 里 {gateway} 在 {start} 到 {end} 之间"
        "没有 resident 标签的数据"
    ),
)
_INFLUX = b'"influxdb"'
"""InfluxDB 2 calls itself so at /health; VictoriaMetrics says OK."""


async def forget_stored(entry: MeasurementsEntry, url: str, store: Store, claims: Sequence[Claim]) -> int:
    """In the community database (`url`), then in the file of measurements; of how many series. Raises as the stores."""
    count = await _forget_in(store, claims)  # first here: the server copies from here into the file
    path = measured_file(entry, url)
    if path is None or not path.is_file():
        return count
    file = await open_file(path)
    try:
        return max(count, await _forget_in(file.store, claims))
    finally:
        await file.close()


async def forget_copied(entry: MeasurementsEntry, url: str, claims: Sequence[Claim]) -> tuple[str, ...]:
    """In the time-series database, and on the way there; what cannot be reached, in words. Raises TryLater."""
    if entry.history is None or not claims:
        return ()
    waits = spool_beside(measured_file(entry, url))
    if waits.is_file():
        await _forget_waiting(waits, claims)
    return await _forget_there(entry.history, claims)


async def forget_everywhere(
    entry: MeasurementsEntry, url: str, store: Store, claims: Sequence[Claim]
) -> tuple[str, ...]:
    """Both, by a command; what cannot be reached, in words. Raises as they do."""
    await forget_stored(entry, url, store, claims)
    return await forget_copied(entry, url, claims)


async def forget_at(
    opened: Callable[[], Place | None], entry: MeasurementsEntry, store: Store, claims: Sequence[Claim]
) -> tuple[str, ...]:
    """Both, in a server, through the connections that it has `opened`: for no file has two that write.

    What cannot be reached, in words. Raises TryLater, GiveUp, ConfigError (a secret).
    """
    place = opened()
    if place is None:
        raise TryLater(_NOT_OPEN)
    await _forget_in(store, claims)  # first here: the server copies from here into the file
    if place.own is not None:
        await _forget_in(place.own.file.store, claims)
    if entry.history is None or place.history is None or not claims:
        return ()
    await place.history.thin(_is_of_none(claims))
    return await _forget_there(entry.history, claims)


async def _forget_there(history: HistoryEntry, claims: Sequence[Claim]) -> tuple[str, ...]:
    token = None if history.token_file is None else read_secret(history.token_file)
    headers = {} if token is None else {"Authorization": f"Token {token}"}
    try:
        async with httpx.AsyncClient(base_url=history.url, headers=headers, timeout=REQUEST_S) as client:
            is_influx = _INFLUX in (await client.get("/health")).content
            forget = _forget_in_influx if is_influx else _forget_in_victoria
            return tuple([line for one in claims for line in await forget(client, history, one)])
    except httpx.HTTPError as error:
        raise TryLater(both(*_NOT_DELETED, url=history.url, error=error)) from error


async def _forget_in(store: Store, claims: Iterable[Claim]) -> int:
    count = 0
    for claim in claims:
        for number in await store.read(partial(people_forgetting.numbers_of, claim=claim)):
            while not await store.write(partial(people_forgetting.forget_series, number=number, span=claim.span)):
                pass
            count += 1
    return count


async def _forget_waiting(path: Path, claims: Sequence[Claim]) -> None:
    spool = await open_spool(path)
    try:
        await spool.thin(_is_of_none(claims))
    finally:
        await spool.close()


def _is_of_none(claims: Sequence[Claim]) -> Callable[[str], bool]:
    """Whether a line of the spool is kept."""
    theirs = [_lines_of(claim) for claim in claims]
    return lambda line: not any(holds(line) for holds in theirs)


def _lines_of(claim: Claim) -> Callable[[str], bool]:
    """Whether a line of the spool is of the claim."""
    box = f"{MEASUREMENT},gateway={claim.gateway_id},quantity="
    person = f",resident={claim.name.translate(ESCAPES)},sensor="
    start, end = (round(at.timestamp() * 1_000_000) for at in claim.span)

    def holds(line: str) -> bool:
        tags, _, _ = line.rpartition(" value=")
        is_named = person in tags if claim.name else ",resident=" not in tags
        return tags.startswith(box) and is_named and start <= int(line.rpartition(" ")[2]) < end

    return holds


async def _forget_in_victoria(client: httpx.AsyncClient, _: HistoryEntry, claim: Claim) -> list[str]:
    """It can delete whole series only: what the box measured of others under no name goes there too, and is said."""
    labels = {"gateway": claim.gateway_id, "resident": claim.name}
    selector = ",".join(f"{name}={msgspec.json.encode(text).decode()}" for name, text in labels.items())
    await client.get("/internal/force_flush")  # what came last is not found before
    answer = await client.post(
        "/api/v1/admin/tsdb/delete_series", params={"match[]": f'{{__name__="{MEASUREMENT}_value",{selector}}}'}
    )
    answer.raise_for_status()
    if claim.name or claim.span == (EARLIEST, LATEST):
        return []
    whole = "deletes whole series only: what it held of others who had that box went with it"
    return [f"the copy of {claim.gateway_id} in the time-series database {whole}"]


async def _forget_in_influx(client: httpx.AsyncClient, entry: HistoryEntry, claim: Claim) -> list[str]:
    if not claim.name:
        start, end = f"{claim.span.start:%Y-%m-%d}", f"{claim.span.end:%Y-%m-%d}"
        return [both(*_BY_HAND, bucket=entry.bucket, gateway=claim.gateway_id, start=start, end=end)]
    named = claim.name.replace("\\", "\\\\").replace('"', '\\"')
    body = {
        "start": claim.span.start.isoformat(),
        "stop": min(claim.span.end, _INFLUX_LAST).isoformat(),
        "predicate": f'_measurement="{MEASUREMENT}" AND gateway="{claim.gateway_id}" AND resident="{named}"',
    }
    answer = await client.post("/api/v2/delete", params={"org": entry.org, "bucket": entry.bucket}, json=body)
    answer.raise_for_status()
    return []


_INFLUX_LAST = LATEST.replace(year=2262, month=1)
"""Its times are nanoseconds in 64 bits, up to April 2262."""
