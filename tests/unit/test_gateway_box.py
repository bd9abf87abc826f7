"""The gateway's own box as a sensor: its queue, its card, its clock."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.home import BOX_SAYS, Home
from config.presets import preset
from gateway.box import Box, clock_error, disk_used
from gateway.outbox import Stored
from rules.preset import rules_of
from shouwang.driver import Sample
from shouwang.errors import TryLater
from shouwang.quantities import Quantity
from shouwang.wire import Envelope, GapBody, Lane, MessageId, encode


class Clock:
    def mono(self) -> int:
        return 1_000_000


def waiting(lane: Lane, mono: int) -> Stored:
    body = GapBody(reason="x", count=0)
    message = Envelope(
        id=MessageId(gateway="gw-1", epoch="0123456789abcdef", lane=lane, seq=1),
        created_at=datetime(2026, 11, 26, tzinfo=UTC),
        boot="b",
        mono=mono,
        body=body,
    )
    return Stored("0123456789abcdef", lane, 1, encode(message))


async def said(pending, tmp_path: Path) -> dict[Quantity, float]:
    """What it says in one round."""
    heard: list[Sample] = []
    asked = asyncio.Event()

    async def look(lane, after, limit):
        asked.set()
        return await pending(lane, after, limit)

    task = asyncio.create_task(Box("gw-1", tmp_path, Clock(), look).run(heard.append))
    async with asyncio.timeout(5):
        await asked.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    return {one.quantity: one.value for one in heard}


async def test_the_oldest_message_of_any_lane_gives_the_age_of_the_queue(tmp_path):
    messages = {Lane.STATE: [waiting(Lane.STATE, 400_000)], Lane.TELEMETRY: [waiting(Lane.TELEMETRY, 700_000)]}

    async def pending(lane, after, limit):
        return messages.get(lane, [])[:limit]

    assert (await said(pending, tmp_path))[Quantity.QUEUE_AGE] == 600


async def test_an_empty_queue_has_no_age(tmp_path):
    async def pending(lane, after, limit):
        return []

    assert (await said(pending, tmp_path))[Quantity.QUEUE_AGE] == 0


async def test_a_card_that_does_not_answer_is_not_guessed_at(tmp_path):
    async def pending(lane, after, limit):
        raise TryLater("the card sleeps")

    found = await said(pending, tmp_path)
    assert Quantity.QUEUE_AGE not in found
    assert 0 < found[Quantity.DISK_USED] <= 100


def test_the_kernel_says_how_far_its_clock_may_be_off():
    found = clock_error()
    assert found is None or 0 <= found <= 16.5  # the kernel stops at 16 s


def test_a_folder_lies_on_a_card_of_some_size(tmp_path):
    assert 0 < disk_used(tmp_path) < 100


@pytest.mark.parametrize("with_preset", [True, False])
def test_only_a_home_with_a_rule_for_it_watches_the_box(with_preset):
    home = Home.model_validate(
        {
            "gateway": {"id": "gw-1"},
            "resident": {"id": "r1"},
            "uplink": {"url": "mqtt://127.0.0.1"},
            "sensors": [],
            "presets": [{"use": "supervision"}] if with_preset else [],
        }
    )
    assert home.watches_box is with_preset
    assert ("gateway" in home.facts().emits) is with_preset
    keys = {bound.rule.key for bound in home.bound_rules()}
    assert ("queue-old:gateway" in keys) is with_preset


def test_the_preset_watches_all_that_the_box_says():
    watched = {getattr(rule, "quantity", None) for rule in rules_of(preset("supervision"))}
    assert watched >= BOX_SAYS
