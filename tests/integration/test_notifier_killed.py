"""The notifier killed with kill -9 in the midst of sending, again and again: all is sent, no row is doubled."""

import asyncio
import os
import signal
import sys
from collections import Counter

import pytest
from fixtures.faulty_sink import FaultySink
from fixtures.notified import Notified

from community.store.case_schema import attempts, notices

MESSAGES = 40
KILLS = 3
AT_ONCE = 3
pytestmark = pytest.mark.slow

CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from community.channels.http_call import HttpCall
from community.channels.port import Way
from community.channels.sms_http import SmsHttp, SmsProvider
from community.notifier import Notifier
from community.post import Line
from community.store.database import open_store

async def main(store_url, sink_url):
    store = await open_store(store_url)
    provider = SmsProvider(url=sink_url, form="form", fields={"to": "{to}", "text": "{text}", "key": "{key}"})
    line = Line(name="sms", way=Way.SMS, channel=SmsHttp(HttpCall(timeout_s=5), provider), at_once=AT_ONCE)
    notifier = Notifier(
        store, [line], clock=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC), rung_failed=lambda *_: None,
        answered=None, changed=lambda: None, engine_ms=lambda connection: 1_000_000,
    )
    await notifier.bring_in()
    await notifier.run()

asyncio.run(main(*sys.argv[1:]))
""".replace("AT_ONCE", str(AT_ONCE - 1))


async def test_kill_9_in_the_midst_of_sending_loses_and_doubles_nothing(
    notified: Notified, store_url: str, sink: FaultySink
) -> None:
    incident = await notified.case()
    for _ in range(MESSAGES):
        await notified.notice(incident, "family")
    for turn in range(KILLS):
        child = await start(store_url, sink)
        try:
            await sink.until((turn + 1) * 5)
        finally:
            child.send_signal(signal.SIGKILL)
            await child.wait()
    child = await start(store_url, sink)
    try:
        await notified.until(lambda: all_sent(notified))
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()
    rows = await notified.rows(attempts)
    taken = Counter(one.form["key"] for one in sink.taken)
    assert len(rows) == len({row.key for row in rows}) == MESSAGES
    assert set(taken) == {row.key for row in rows}
    assert sum(taken.values()) <= MESSAGES + KILLS * AT_ONCE  # what was under way at a kill goes again, with its key
    assert {row.state for row in await notified.rows(notices)} == {"done"}


async def start(store_url: str, sink: FaultySink) -> asyncio.subprocess.Process:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, store_url, sink.url, env=environ)


async def all_sent(notified: Notified) -> bool:
    rows = await notified.rows(attempts)
    return len(rows) == MESSAGES and all(row.outcome == "sent" for row in rows)
