"""What the server says of homes, ways and test alarms that are not heard of, in the two languages of the house."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from community import reasons
from community.supervision import PathLost
from rules import words
from shouwang.alert import Sentence
from shouwang.wire import Path

_MS = timedelta(milliseconds=1)
_NAMED = 5
PATHS: Mapping[Path, Sentence] = {
    Path.INTERNET: Sentence(zh="互联网", en="the internet"),
    Path.SMS: Sentence(zh="短信", en="text messages"),
    Path.VOICE: Sentence(zh="电话", en="telephone calls"),
}
HOME_BACK = Sentence(zh="网关恢复联系", en="the gateway is heard again")
PATH_BACK = Sentence(zh="通道恢复", en="the way carries again")
HEARD_AT_LAST = Sentence(zh="已联系上，或已从名册中移除", en="heard now, or no longer on file")
UNTESTED = Sentence(
    zh="这户已有 35 天没有成功的测试报警，请联系住户按一次按钮测试",
    en="no good test alarm of this home for 35 days: call and have the button pressed for a test",
)
TEST_ARRIVED = Sentence(zh="测试报警已收到", en="a test alarm has arrived")


def home_lost(silent: timedelta, *, is_high_risk: bool) -> Sentence:
    """A home has said nothing for so long."""
    lasted = words.span(silent // _MS)
    said = Sentence(
        zh=f"家中网关已有 {lasted.zh}没有消息，报警可能传不过来",
        en=f"the gateway has not been heard for {lasted.en}: alarms of this home may not arrive",
    )
    if not is_high_risk:
        return said
    return Sentence(zh=f"{said.zh}。高风险住户，请打电话到家中询问", en=f"{said.en}. High risk: call the home")


def never_heard(gateway_ids: Sequence[str]) -> Sentence:
    """Homes are on file, and their gateways have never been heard."""
    if len(gateway_ids) == 1:
        return Sentence(
            zh=f"该户已登记，但网关（{gateway_ids[0]}）从未连上中心，无人守护。请检查是否已安装、编号和证书是否正确",
            en=f"this home is on file, and the centre has never heard of its gateway ({gateway_ids[0]}): nobody "
            "watches there. Is it put up, with the right id and certificate?",
        )
    count, named = len(gateway_ids), ", ".join(gateway_ids[:_NAMED])
    rest_zh, rest_en = ("…等", ", ...") if count > _NAMED else ("", "")
    return Sentence(
        zh=f"{count} 户已登记，但网关（{named}{rest_zh}）从未连上中心，无人守护。请检查是否已安装、编号和证书是否正确",
        en=f"{count} homes are on file, and the centre has never heard of their gateways ({named}{rest_en}): nobody "
        "watches there. Are they put up, with the right id and certificate?",
    )


def path_lost(lost: PathLost, lasted: timedelta) -> Sentence:
    """A way to the centre is lost, or unproved."""
    name, span = PATHS[lost.way.path], words.span(lasted // _MS)
    if lost.is_untested:
        return Sentence(
            zh=f"备用通道（{name.zh}）已有 {span.zh}没有通过测试，可能已失效",
            en=f"the standby way by {name.en} has not passed a test for {span.en}: it may be lost",
        )
    why = reasons.told(lost.way.reason)
    zh, en = (f"：{why.zh}", f": {why.en}") if lost.way.reason else ("", "")
    return Sentence(zh=f"通往中心的通道（{name.zh}）中断{zh}", en=f"the way to the centre by {name.en} is lost{en}")


def test_missing(late: timedelta) -> Sentence:
    """The weekly test alarm has not arrived."""
    span = words.span(late // _MS)
    return Sentence(
        zh=f"每周测试报警已晚 {span.zh}仍未收到，真实报警可能也传不过来",
        en=f"the weekly test alarm is {span.en} late: a real alarm might not arrive either",
    )
