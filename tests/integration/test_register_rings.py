"""A number that was mended at the desk is the one that rings: for a call that waits, and after one that failed."""

from fixtures.notified import Notified

from community.channels.port import Way
from community.register_room import RegisterRoom, Wish
from community.registry_sealing import Safe
from community.users import Role, User

ELDER = "resident-0001"
ZHANG = User(user_id="u-1", login="zhang", name="张琳", role=Role.OPERATOR, language="zh")


async def mend(notified: Notified, incident: int, phone: str) -> None:
    room = RegisterRoom(notified.store, clock=lambda: notified.now, safe=Safe(), pinned={})
    sheet = await room.sheet(ZHANG, ELDER)
    son = sheet.entry.contacts[0]
    wish = Wish(user=ZHANG, resident_id=ELDER, reason="dead", seen=sheet.entry.contacts_stand, case=incident)
    written = son.model_dump(exclude={"resident", "order", "id"})
    await room.change_contact(wish, son.id or "", {**written, "phones": (phone,)})


async def test_call_that_waits_rings_the_new_number(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await notified.notice(incident, "family", rung=3)
    await mend(notified, incident, "139 0000 7777")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert [one.to for one in voice.sent] == ["13900007777"]


async def test_next_rung_of_the_ladder_rings_the_new_number_after_the_old_one_failed(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await notified.notice(incident, "family", rung=3)
    async with notified.running():
        await notified.until_outcomes("sent")
    await mend(notified, incident, "139 0000 7777")
    await notified.notice(incident, "keyholder", rung=4)
    async with notified.running():
        await notified.until_outcomes("sent", "sent")
    assert [one.to for one in voice.sent] == ["138", "13900007777"]
