"""Webhook, SMS provider, Apprise and a calling provider against a real HTTP server that errs, is slow, hangs up."""

import json
from pathlib import Path

import pytest
from fixtures.community_home import NOON
from fixtures.faulty_sink import FaultySink

from community.channels.http_call import HttpCall
from community.channels.port import Carried, Channel, Message, Outcome
from community.channels.push import Push
from community.channels.signature import checked
from community.channels.sms_http import KANNEL_FIELDS, KANNEL_GOOD, SmsHttp, SmsProvider, filled
from community.channels.voice import VoiceChannel
from community.channels.voice_http import VoiceHttp
from community.channels.webhook import Webhook
from shouwang.errors import ConfigError, GiveUp, TryLater

# Apprise loads all its services at the first URL, and one of them a module that Python will drop
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = b"a secret of the test"
MESSAGE = Message(
    key="sw-7-1-abc",
    to="+8613800000001",
    subject="守望",
    text="【守望】{key} 3号楼王桂兰",
    at=NOON,
    audience="family",
    priority="P1",
    incident_id=7,
    digit="1",
)


def http(timeout_s: float = 0.4) -> HttpCall:
    return HttpCall(timeout_s=timeout_s)


def webhook(sink: FaultySink) -> Webhook:
    return Webhook(http(), sink.url, SECRET, now_s=lambda: 1_790_000_000)


def sms(sink: FaultySink, **more: object) -> SmsHttp:
    fields = {"mobile": "{to}", "content": "{text}", "uid": "{key}", "pwd": "{secret}"}
    return SmsHttp(http(), SmsProvider(**{"url": sink.url, "form": "form", "fields": fields, "secret": "pw", **more}))


def calls(sink: FaultySink) -> VoiceChannel:
    return VoiceChannel(VoiceHttp(http(), sink.url, SECRET, answer_url="https://care/inlet/answer?token=t"))


def push(sink: FaultySink) -> Push:
    return Push(f"json://127.0.0.1:{sink.port}/hook?:to={{to}}", timeout_s=0.4, at_once=2)


MAKERS = {"webhook": webhook, "sms": sms, "calls": calls, "push": push}


@pytest.fixture(params=MAKERS)
def channel(request: pytest.FixtureRequest, sink: FaultySink) -> Channel:
    return MAKERS[request.param](sink)


async def test_a_message_is_carried(channel: Channel, sink: FaultySink) -> None:
    carried = await channel.send(MESSAGE)
    assert carried.outcome is Outcome.SENT
    assert len(sink.taken) == 1


@pytest.mark.parametrize("fault", [500, 503, 429, "slow", "close"])
async def test_what_passes_is_tried_later(channel: Channel, sink: FaultySink, fault: str | int) -> None:
    sink.faults.append(fault)
    with pytest.raises(TryLater):
        await channel.send(MESSAGE)


async def test_an_answer_without_end_is_cut_off(sink: FaultySink) -> None:
    sink.faults.append("endless")
    with pytest.raises(TryLater, match="does not stop talking"):
        await webhook(sink).send(MESSAGE)


async def test_nobody_there_is_tried_later(channel: Channel, sink: FaultySink) -> None:
    await sink.stop()
    with pytest.raises(TryLater):
        await channel.send(MESSAGE)
    with pytest.raises(TryLater):
        await channel.probe()


async def test_a_probe_sends_nothing(channel: Channel, sink: FaultySink) -> None:
    await channel.probe()
    assert sink.taken == []


@pytest.mark.parametrize("maker", [webhook, sms, calls])
@pytest.mark.parametrize("fault", [401, 403, 404, "redirect"])
async def test_a_refusal_is_the_channels_own_fault_and_no_redirect_is_followed(
    sink: FaultySink, maker: object, fault: str | int
) -> None:
    sink.faults.append(fault)
    with pytest.raises(ConfigError, match=str(sink.port)):
        await MAKERS[maker.__name__](sink).send(MESSAGE)
    assert len(sink.taken) == 1


@pytest.mark.parametrize("maker", [webhook, sms, calls])
async def test_a_bad_number_is_given_up(sink: FaultySink, maker: object) -> None:
    sink.faults.append(422)
    with pytest.raises(GiveUp):
        await MAKERS[maker.__name__](sink).send(MESSAGE)


async def test_the_webhook_is_signed_and_says_its_id(sink: FaultySink) -> None:
    await webhook(sink).send(MESSAGE)
    taken = sink.taken[0]
    assert checked(SECRET, taken.body, taken.headers, now_s=1_790_000_000) == MESSAGE.key
    assert taken.json["id"] == MESSAGE.key
    assert taken.json["text"] == MESSAGE.text


async def test_a_provider_is_asked_for_a_call_and_for_the_key(sink: FaultySink) -> None:
    carried = await calls(sink).send(MESSAGE)
    wish = sink.taken[0].json
    assert (wish["to"], wish["confirm_digit"], wish["id"]) == (MESSAGE.to, "1", MESSAGE.key)
    assert wish["answer_url"] == "https://care/inlet/answer?token=t"
    assert carried.code.startswith("pending")


@pytest.mark.parametrize("form", ["form", "json", "query"])
async def test_sms_fields_are_filled_once(sink: FaultySink, form: str) -> None:
    await sms(sink, form=form, headers={"authorization": "Bearer {secret}"}).send(MESSAGE)
    taken = sink.taken[0]
    fields = {"form": lambda: taken.form, "json": lambda: json.loads(taken.body), "query": lambda: taken.query}[form]()
    wanted = {"mobile": MESSAGE.to, "content": MESSAGE.text, "uid": MESSAGE.key, "pwd": "pw"}
    assert fields == wanted
    assert taken.headers["authorization"] == "Bearer pw"


async def test_an_answer_that_does_not_say_taken_is_none(sink: FaultySink) -> None:
    provider = sms(sink, good=('"code":0',), bad=("invalid number",))
    sink.answer = '{"code":0}'
    assert (await provider.send(MESSAGE)).outcome is Outcome.SENT
    sink.answer = '{"code":9,"msg":"balance exhausted"}'
    with pytest.raises(TryLater, match="balance"):
        await provider.send(MESSAGE)
    sink.answer = "invalid number"
    with pytest.raises(GiveUp):
        await provider.send(MESSAGE)


async def test_kannel_without_an_inlet_is_given_no_address_for_reports(sink: FaultySink) -> None:
    sink.answer = "0: Accepted for delivery"
    await sms(sink, form="query", fields=KANNEL_FIELDS, good=KANNEL_GOOD).send(MESSAGE)
    assert "dlr-url" not in sink.taken[0].query
    assert sink.taken[0].query["text"] == MESSAGE.text


async def test_apprise_carries_the_words_and_the_person(sink: FaultySink) -> None:
    assert (await push(sink).send(MESSAGE)).outcome is Outcome.SENT
    said = sink.taken[0].json
    assert said["message"] == MESSAGE.text
    assert said["title"] == MESSAGE.subject
    assert MESSAGE.to in str(said) + str(sink.taken[0].query)


async def test_apprise_does_not_try_again_by_itself(sink: FaultySink) -> None:
    sink.faults += [500, 500]
    with pytest.raises(TryLater):
        await push(sink).send(MESSAGE)
    assert len(sink.taken) == 1


def test_a_service_that_apprise_does_not_know_is_said_at_the_start() -> None:
    with pytest.raises(ConfigError, match="Apprise knows no service"):
        Push("nosuch://x", timeout_s=1, at_once=1)


def test_a_ca_file_of_no_use_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        HttpCall(timeout_s=1, ca_file=tmp_path / "ca.pem")


def test_braces_of_people_stay() -> None:
    assert filled("{a} {b} {", {"a": "{b}", "b": "2"}) == "{b} 2 {"


def test_a_carried_message_is_at_least_sent() -> None:
    assert Carried().outcome is Outcome.SENT
