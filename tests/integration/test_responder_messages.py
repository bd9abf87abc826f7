"""What a responder's phone gets: the words, and a link that opens his case; the last word when it is his no more."""

import re

import pytest
import sqlalchemy as sa
from fixtures.notified import Notified
from fixtures.sent_out import PEOPLE, bring_in

from community.casefile import Answered, Offer
from community.channels.port import Way
from community.store import dispatch_schema, responder_links

URL = "https://care.example.org"


@pytest.fixture
async def offered(notified: Notified) -> Notified:
    """Liu was asked to go to case 1."""
    notified.public_url = URL
    await bring_in(notified.store, notified.now, PEOPLE)
    incident = await notified.case()
    assert incident == 1
    await notified.put(1, state="DISPATCHED", offers=(Offer(to="liu", at_e=0),))
    return notified


async def links(notified: Notified) -> int:
    table = dispatch_schema.responder_links
    count = sa.select(sa.func.count()).select_from(table)
    return int(await notified.store.read(lambda connection: connection.execute(count).scalar_one()))


async def test_an_sms_brings_a_link_that_opens_the_case(offered: Notified) -> None:
    sms = offered.line("sms", Way.SMS)
    await offered.notice(1, "responders", to_whom="liu")
    async with offered.running():
        await offered.until_outcomes("sent")
    (token,) = re.findall(rf"{URL}/r/([\w-]{{32}})$", sms.sent[0].text)
    link = await offered.store.read(lambda connection: responder_links.find(connection, token))
    assert link is not None
    assert (link.incident_id, link.responder_id) == (1, "liu")


async def test_a_call_speaks_no_link(offered: Notified) -> None:
    voice = offered.line("calls", Way.VOICE)
    await offered.notice(1, "responders", to_whom="liu")
    async with offered.running():
        await offered.until_outcomes("sent")
    assert "/r/" not in voice.sent[0].text
    assert await links(offered) == 0


async def test_without_an_address_there_is_no_link(offered: Notified) -> None:
    offered.public_url = ""
    sms = offered.line("sms", Way.SMS)
    await offered.notice(1, "responders", to_whom="liu")
    async with offered.running():
        await offered.until_outcomes("sent")
    assert "/r/" not in sms.sent[0].text


@pytest.mark.parametrize(
    ("step", "answer", "prompt", "said"),
    [
        ("accept", Answered.TAKEN, "taken", "已有他人接单"),
        ("arrive.red", Answered.EXPIRED, "withdrawn", "中心已改派他人"),
    ],
)
async def test_whose_offer_ends_is_told_so_and_asked_nothing(
    offered: Notified, step: str, answer: Answered, prompt: str, said: str
) -> None:
    sms, voice = offered.line("sms", Way.SMS), offered.line("calls", Way.VOICE)
    await offered.put(1, state="EN_ROUTE", responder="zhao", offers=(Offer(to="liu", at_e=0, answer=answer),))
    await offered.notice(1, "responders", to_whom="liu", step=step, prompt=prompt)
    async with offered.running():
        await offered.until_outcomes("sent", "sent")
    for message in (*sms.sent, *voice.sent):
        assert said in message.text
        assert "请按" not in message.text
        assert (message.digit, "/r/" in message.text) == ("", False)


async def test_a_ping_asks_how_he_is_not_whether_he_goes(offered: Notified) -> None:
    sms = offered.line("sms", Way.SMS)
    accepted = (Offer(to="liu", at_e=0, answer=Answered.ACCEPTED),)
    await offered.put(1, state="ON_SCENE", responder="liu", offers=accepted)
    await offered.notice(1, "responders", step="ping.red")
    async with offered.running():
        await offered.until_outcomes("sent")
    assert "您在现场还好吗" in sms.sent[0].text
    assert f"{URL}/r/" in sms.sent[0].text  # with a way to say so
