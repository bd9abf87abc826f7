"""`channels:` of community.yaml: read with its words in both languages, refused in words, made into lines."""

from pathlib import Path

import pytest

from community.channel_lines import answer_token, lines_of, people_of
from community.channels.port import Carried, Message, Way
from community.post import Line
from community.settings import CommunitySettings, load
from shouwang.bilingual import Bilingual
from shouwang.cli import main
from shouwang.errors import ConfigError, GiveUp

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

WHOLE = """\
name: Sunshine
broker: {url: "mqtt://127.0.0.1:1883"}
channels:
  ways:
    sms: {kind: sms_http, url: "http://127.0.0.1:13013/cgi-bin/sendsms", secret_file: pw, test_to: "136",
          profile: kannel, fields: {username: shouwang}}
    mail: {kind: mail, host: mail.example.org, sender: care@example.org, username: care, password_file: pw}
    wecom: {kind: apprise, url_file: push-url}
    property: {kind: webhook, url: "https://property.example.org/hook", secret_file: pw}
    pbx: {kind: asterisk, url: "http://127.0.0.1:8088", username: shouwang, password_file: pw,
          endpoint: "PJSIP/{to}@trunk", media: "sound:shouwang/{language}"}
    calls: {kind: voice_http, url: "https://calls.example.org/v1", secret_file: pw}
  answers: {token_file: token}
  people:
    - {person: zhang, prefers: [电话, 短信], phone: "13900000001"}
    - {person: "13800000001", name: 王强, language: en, prefers: [push, e-mail], push: wangqiang, mail: w@example.org}
    - {person: 值班手机, phone: "13900000009", audiences: [主管, team_lead]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pw").write_text("a-password", encoding="utf-8")
    (tmp_path / "token").write_text("0123456789abcdef0123", encoding="utf-8")
    (tmp_path / "push-url").write_text("json://127.0.0.1:9/{to}", encoding="utf-8")
    return tmp_path


def read(folder: Path, text: str = WHOLE) -> CommunitySettings:
    (folder / "community.yaml").write_text(text, encoding="utf-8")
    return load(folder / "community.yaml")


def test_all_kinds_are_made(folder: Path) -> None:
    settings = read(folder)
    lines = lines_of(settings.channels, public_url="https://care")
    assert [(line.name, line.way) for line in lines] == [
        ("sms", Way.SMS),
        ("mail", Way.MAIL),
        ("wecom", Way.PUSH),
        ("property", Way.WEBHOOK),
        ("pbx", Way.VOICE),
        ("calls", Way.VOICE),
    ]
    assert lines[0].test_to == "136"
    assert answer_token(settings.channels) == "0123456789abcdef0123"


def test_people_say_their_ways_in_either_language(folder: Path) -> None:
    people = {one.person: one for one in people_of(read(folder).channels)}
    assert people["zhang"].ways == ((Way.VOICE, "13900000001"), (Way.SMS, "13900000001"))
    assert people["13800000001"].ways == ((Way.PUSH, "wangqiang"), (Way.MAIL, "w@example.org"))
    assert people["值班手机"].audiences == ("supervisor", "team_lead")
    assert people["值班手机"].ways == ((Way.VOICE, "13900000009"), (Way.SMS, "13900000009"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[电话, 短信]", "[电话, 邮件]", "zhang prefers mail and has no address for it"),
        ("[电话, 短信]", "[pigeon]", "prefers"),
        ("[主管, team_lead]", "[皇帝]", "is nobody; write one of"),
        ('person: "13800000001"', "person: zhang", "zhang stands twice"),
        ("  answers: {token_file: token}\n", "", "needs answers"),
        ("    sms: {", "    console: {", "no channel can be called console"),
        ('"https://property.example.org/hook"', "property.example.org", "http:// or https://"),
    ],
)
def test_what_cannot_work_is_said(folder: Path, old: str, new: str, said: str) -> None:
    assert old in WHOLE
    with pytest.raises(ConfigError, match=said):
        read(folder, WHOLE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("pw", "", "sms: .*pw"),
        ("token", "short", "needs 20 at least"),
        ("push-url", "nosuch://x", "wecom: Apprise knows no service"),
    ],
)
def test_secrets_of_no_use_are_said_at_the_start(folder: Path, file: str, content: str, said: str) -> None:
    settings = read(folder)
    (folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        lines_of(settings.channels, public_url="https://care")


def test_a_provider_that_is_not_told_the_number_is_refused(folder: Path) -> None:
    settings = read(
        folder, WHOLE.replace("profile: kannel, fields: {username: shouwang}", "fields: {content: '{text}'}")
    )
    with pytest.raises(ConfigError, match="no field holds the number"):
        lines_of(settings.channels, public_url="https://care")


def test_check_says_of_every_channel_whether_it_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = WHOLE[: WHOLE.index("    mail:")].replace("13013", "9") + WHOLE[WHOLE.index("  people:") :]
    read(folder, text)
    assert main(["community", "channels", "check", "-c", str(folder / "community.yaml")]) == 1
    said = capsys.readouterr().out
    assert "sms (sms): 127.0.0.1:9 takes no connection" in said
    assert "zhang: voice, sms; no channel for voice" in said


def test_test_says_that_it_failed_and_names_the_channels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(folder, WHOLE.replace("13013", "9"))
    config = str(folder / "community.yaml")
    assert main(["community", "channels", "test", "sms", "--to", "136", "-c", config]) == 1
    assert "sms: failed: 127.0.0.1:9" in capsys.readouterr().out
    assert main(["community", "channels", "test", "fax", "-c", config]) != 0
    assert "there are: sms, mail" in capsys.readouterr().err


class _Office:
    """A far end that takes, or refuses for good."""

    def __init__(self, refusal: Exception | None) -> None:
        self._refusal = refusal

    async def probe(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    async def send(self, _message: Message) -> Carried:
        await self.probe()
        return Carried()


@pytest.fixture
def two_offices(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`sms` takes messages, the mail server turns everybody away; the path of the settings."""
    read(folder)
    refusal = GiveUp(Bilingual("554 no", zh="554 不行"))
    lines = (
        Line(name="sms", way=Way.SMS, channel=_Office(None), test_to="136"),
        Line(name="mail", way=Way.MAIL, channel=_Office(refusal)),
    )
    monkeypatch.setattr("community.channel_commands.lines_of", lambda *_, **__: lines)
    return str(folder / "community.yaml")


@pytest.mark.parametrize(
    ("spoken", "checked", "tested"),
    [
        (
            "en_GB.UTF-8",
            ["sms (sms): answers", "mail (mail): 554 no; no monthly test: it has no test_to"],
            ["mail: failed: 554 no", "sms: the far end has taken a test message for 136"],
        ),
        (
            "zh_CN.UTF-8",
            ["sms（sms）：有应答", "mail（mail）：554 不行；不做每月测试：没有写 test_to"],
            ["mail：没有成功：554 不行", "sms：对方已收下发给 136 的测试消息"],
        ),
    ],
)
def test_a_channel_that_is_refused_for_good_is_named_beside_the_others_in_either_language(
    two_offices: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    spoken: str,
    checked: list[str],
    tested: list[str],
) -> None:
    monkeypatch.setenv("LC_ALL", spoken)
    assert main(["community", "channels", "check", "-c", two_offices]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == checked
    assert main(["community", "channels", "test", "mail", "--to", "a@example.org", "-c", two_offices]) == 1
    assert main(["community", "channels", "test", "sms", "-c", two_offices]) == 0
    assert capsys.readouterr().out.splitlines() == tested
