"""What the status asks of a card that hangs: one thread waits for it, and nobody else does."""

import asyncio
import threading

import pytest
from fixtures.quick_time import run_quickly

from gateway import status
from gateway.status import CardLine, CardLook

SOUND = CardLine(used=41.6, free_bytes=3, outbox_bytes=2)


class Card:
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.looks = 0

    def of(self, _data_dir):
        self.looks += 1
        self.may_answer.wait(20)
        return SOUND


@pytest.fixture
def card(monkeypatch):
    card = Card()
    monkeypatch.setattr(status, "card_of", card.of)
    yield card
    card.may_answer.set()


def test_card_that_hangs_is_looked_at_once_and_said_not_to_answer(card, tmp_path):
    async def ask():
        look = CardLook(tmp_path)
        asked = await asyncio.gather(*(look.line() for _ in range(40)))
        asked.append(await look.line())
        took_s = asyncio.get_running_loop().time()
        looks = card.looks
        card.may_answer.set()
        while (found := await look.line()) is None:
            pass
        return asked, looks, took_s, found

    asked, looks, took_s, found = run_quickly(ask())
    assert asked == [None] * 41
    assert looks == 1
    assert took_s == 2 * status.CARD_S
    assert found == SOUND, "it answers again"


async def test_card_that_answers_is_looked_at_anew_each_time(card, tmp_path):
    card.may_answer.set()
    look = CardLook(tmp_path)
    assert [await look.line(), await look.line()] == [SOUND, SOUND]
    assert card.looks == 2


async def test_size_of_a_real_folder(tmp_path):
    (tmp_path / "outbox.sqlite3").write_bytes(b"x" * 100)
    found = await CardLook(tmp_path).line()
    assert found is not None
    assert found.outbox_bytes == 100
