"""Rights on the real store: second factors, sessions taken away, scopes by the tree of places, broken glass, tokens."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, Time, cheap_hasher
from fixtures.community_home import NOON, DemoHome

from community import totp
from community.accounts import PROOF_LASTS, Accounts, AppNeeded, CodeNeeded
from community.casefile import Disposition, StaleVersion
from community.desk import Wish
from community.people import Item
from community.rights import Refused, Right, Subject, may
from community.staff import Staff
from community.store import cases, logins, orders, people_access, rights, schema, tokens
from community.store.database import Store
from community.store.people_access import Act
from community.store.people_schema import consents, home_register, places
from community.store.rights_schema import api_tokens, right_changes
from community.token_hash import token_hash
from community.tokens import Agreement, Caller, Field, Scope, Token
from community.users import EVERYWHERE, Role, User
from community.word_tries import CODES
from shouwang.alert import Severity
from shouwang.errors import ConfigError, IllegalMove, TryLater

LATER = NOON + timedelta(hours=1)
FAR = frozenset({"far"})


# ---- logging in ----


def staff_of(centre: Centre) -> Staff:
    return Staff(store=centre.store, by="root", clock=centre.clock)


async def code_of(centre: Centre, secret: str, *, steps: int = 0) -> str:
    return totp.code_at(secret, totp.step_at(centre.clock.now) + steps)


async def test_who_has_an_app_needs_its_code_and_each_code_once(centre: Centre) -> None:
    await centre.user(role="supervisor")
    secret = await staff_of(centre).give_app("zhang")
    now = centre.clock.now
    for wrong in ("", "000000"):
        with pytest.raises(CodeNeeded):
            await centre.accounts.log_in("zhang", PASSWORD, client="a", now=now, code=wrong)
    code = await code_of(centre, secret)
    assert await centre.accounts.log_in("zhang", "wrong password", client="a", now=now, code=code) is None
    attempts = [centre.accounts.log_in("zhang", PASSWORD, client="a", now=now, code=code) for _ in range(4)]
    shifts = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(shift, CodeNeeded) for shift in shifts) == 3


async def test_guarded_role_does_not_get_in_without_an_app(centre: Centre) -> None:
    await centre.user(role="supervisor")
    await centre.user(login="li", role="operator")
    accounts = Accounts(centre.store, hasher=cheap_hasher(), totp_for=frozenset({Role.SUPERVISOR, Role.ADMIN}))
    now = centre.clock.now
    with pytest.raises(AppNeeded):
        await accounts.log_in("zhang", PASSWORD, client="a", now=now)
    with pytest.raises(AppNeeded):
        await accounts.use_link(await accounts.make_link("zhang", now=now), now=now)
    assert await accounts.log_in("zhang", "wrong password", client="a", now=now) is None
    assert await accounts.log_in("li", PASSWORD, client="a", now=now) is not None


async def test_link_asks_for_the_code_too_and_stays_good(centre: Centre) -> None:
    await centre.user()
    secret = await staff_of(centre).give_app("zhang")
    now = centre.clock.now
    link = await centre.accounts.make_link("zhang", now=now)
    with pytest.raises(CodeNeeded):
        await centre.accounts.use_link(link, now=now, client="a")
    assert await centre.accounts.use_link(link, now=now, client="a", code=await code_of(centre, secret)) is not None


async def test_codes_cannot_be_tried_in_crowds(centre: Centre) -> None:
    await centre.user()
    secret = await staff_of(centre).give_app("zhang")
    now = centre.clock.now
    for number in range(CODES.at_once):
        with pytest.raises(CodeNeeded):
            await centre.accounts.log_in("zhang", PASSWORD, client=f"bot-{number}", now=now, code="000000")
    with pytest.raises(TryLater):
        await centre.accounts.log_in("zhang", PASSWORD, client="a", now=now, code=await code_of(centre, secret))
    later = centre.clock.later(minutes=3)
    code = await code_of(centre, secret)
    assert await centre.accounts.log_in("zhang", PASSWORD, client="a", now=later, code=code) is not None


@pytest.mark.parametrize("what", ["disable", "set_role", "set_scope", "log_out", "give_app", "take_app"])
async def test_change_of_rights_ends_all_sessions_and_links(centre: Centre, what: str) -> None:
    await centre.user()
    now = centre.clock.now
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=now)
    link = await centre.accounts.make_link("zhang", now=now)
    assert shift is not None
    more = {"set_role": {"role": Role.AUDITOR}, "set_scope": {"areas": FAR, "organisations": EVERYWHERE}}.get(what, {})
    await getattr(staff_of(centre), what)("zhang", **more)
    assert await centre.accounts.shift(shift.token, now=now) is None
    assert await centre.accounts.use_link(link, now=now) is None
    changes = await centre.store.read(lambda connection: connection.execute(sa.select(right_changes)).all())
    assert [(change.actor, change.whom, change.at) for change in changes] == [("root", "zhang", now)]


async def test_disabled_user_is_out_until_he_is_enabled(centre: Centre) -> None:
    await centre.user()
    now, staff = centre.clock.now, staff_of(centre)
    await staff.disable("zhang")
    assert await centre.accounts.log_in("zhang", PASSWORD, client="a", now=now) is None
    link = await centre.accounts.make_link("zhang", now=now)
    assert await centre.accounts.use_link(link, now=now) is None
    assert [user.is_disabled for user in await staff.users()] == [True]
    await staff.enable("zhang")
    assert await centre.accounts.log_in("zhang", PASSWORD, client="a", now=now) is not None


async def test_session_that_began_while_he_was_disabled_opens_nothing(centre: Centre) -> None:
    user = await centre.user()
    now = centre.clock.now
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=now)
    assert shift is not None
    mine = sa.update(schema.users).where(schema.users.c.user_id == user.user_id).values(disabled_at=now)
    await centre.store.write(lambda connection: connection.execute(mine))
    assert await centre.accounts.shift(shift.token, now=now) is None


async def test_code_is_spent_once_though_two_have_found_it_right(centre: Centre) -> None:
    user = await centre.user()
    spent = [
        await centre.store.write(lambda connection, step=step: logins.spend_code(connection, user.user_id, step))
        for step in (7, 7, 6, 8)
    ]
    assert spent == [True, False, False, True]


async def test_stranger_cannot_be_changed(centre: Centre) -> None:
    with pytest.raises(IllegalMove, match="no user with the login nobody"):
        await staff_of(centre).disable("nobody")


async def test_key_safe_asks_anew_who_it_is(centre: Centre) -> None:
    await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    assert shift is not None
    assert shift.is_proved(centre.clock.now)
    now = centre.clock.later(seconds=PROOF_LASTS.total_seconds() + 1)
    assert not shift.is_proved(now)
    assert not await centre.accounts.prove(shift, "wrong", client="a", now=now)
    stale = await centre.accounts.shift(shift.token, now=now)
    assert stale is not None
    assert not stale.is_proved(now)
    assert await centre.accounts.prove(shift, PASSWORD, client="a", now=now)
    fresh = await centre.accounts.shift(shift.token, now=now)
    assert fresh is not None
    assert fresh.is_proved(now)


async def test_code_of_the_app_proves_as_well(centre: Centre) -> None:
    await centre.user()
    secret = await staff_of(centre).give_app("zhang")
    now = centre.clock.now
    shift = await centre.accounts.log_in(
        "zhang", PASSWORD, client="a", now=now, code=await code_of(centre, secret, steps=-1)
    )
    assert shift is not None
    assert await centre.accounts.prove(shift, await code_of(centre, secret), client="a", now=now)


# ---- where ----


def who(role: Role, **other: object) -> User:
    known = {"user_id": "u", "login": "zhang", "name": "张琳", "role": role, "language": "zh"}
    return User(**known | other)  # type: ignore[arg-type]


async def tree(store: Store) -> None:
    """The demo home stands in north, which lies in city; far is elsewhere."""

    def put(connection: sa.Connection) -> None:
        for place_id, parent, level in (("city", None, "district"), ("north", "city", "grid"), ("far", None, "grid")):
            row = {"place_id": place_id, "parent_id": parent, "level": level, "code": f"c-{place_id}", "name": place_id}
            connection.execute(sa.insert(places).values(row))
        connection.execute(sa.delete(home_register))
        connection.execute(sa.insert(home_register).values(home_id="home-501", place_id="north"))

    await store.write(put)


async def ring(store: Store, home: DemoHome, severity: Severity = Severity.P1, hazard: str = "sos") -> int:
    alert = home.alert(f"{hazard}:x", severity=severity, hazard=hazard)

    def take(connection: sa.Connection) -> int:
        cases.take_in(connection, home.gateway, None, alert, NOON)
        return int(connection.execute(sa.select(sa.func.max(schema.incidents.c.incident_id))).scalar_one())

    return await store.write(take)


async def subject(store: Store, user: User, incident_id: int, **more: object) -> Subject:
    found = await store.read(lambda connection: rights.subject_of_case(connection, user, incident_id, LATER, **more))
    assert found is not None
    return found


async def test_home_lies_in_its_place_and_all_around_it(store: Store, home: DemoHome) -> None:
    await tree(store)
    found = await store.read(lambda connection: rights.areas_of(connection, ["home-501", "home-502", "gateway:x"]))
    assert found == {"home-501": {"north", "city", "c-north", "c-city"}}


async def test_place_under_itself_ends_no_server(store: Store) -> None:
    await tree(store)
    loop = sa.update(places).where(places.c.place_id == "city").values(parent_id="north")
    await store.write(lambda connection: connection.execute(loop))
    found = await store.read(lambda connection: rights.areas_of(connection, ["home-501"]))
    assert {"north", "city"} <= found["home-501"]


@pytest.mark.parametrize(("areas", "is_seen"), [({"city"}, True), ({"north"}, True), ({"far"}, False), ({"*"}, True)])
async def test_operator_sees_the_homes_of_his_areas(store: Store, areas: set[str], *, is_seen: bool) -> None:
    await tree(store)
    user = who(Role.OPERATOR, areas=frozenset(areas))
    homes = ["home-501", "gateway:unknown", "centre:storm"]
    seen = await store.read(lambda connection: rights.visible(connection, user, Right.READ_QUEUE, homes, LATER))
    assert seen == {"gateway:unknown", "centre:storm"} | ({"home-501"} if is_seen else set())


async def test_company_sees_homes_under_a_standing_agreement(store: Store, home: DemoHome) -> None:
    await tree(store)
    user = who(Role.OPERATOR, organisations=frozenset({"care-co"}))
    made = Agreement(
        agreement_id="a1",
        organisation="care-co",
        purpose="紧急援助",
        fields=frozenset({Field.NAME}),
        areas=frozenset({"city"}),
        starts_at=NOON,
        ends_at=NOON + timedelta(days=1),
    )
    other = replace(made, agreement_id="a2", organisation="other-co")
    await store.write(lambda connection: tokens.agree(connection, made))
    await store.write(lambda connection: tokens.agree(connection, other))

    async def sees(right: Right, at=LATER) -> bool:
        return bool(await store.read(lambda connection: rights.visible(connection, user, right, ["home-501"], at)))

    assert await sees(Right.READ_RESIDENTS)
    await store.write(lambda connection: tokens.end_agreement(connection, "a1", LATER))
    assert not await sees(Right.READ_RESIDENTS)
    assert not await sees(Right.READ_QUEUE)
    await store.write(lambda connection: tokens.end_agreement(connection, "a2", LATER))
    assert await sees(Right.READ_QUEUE), "served by nobody: its alarms must ring somewhere"


# ---- whose case ----


@pytest.mark.parametrize(
    ("severity", "hazard", "is_open"),
    [(Severity.P1, "sos", True), (Severity.P4, "medicine", True), (Severity.P3, "battery", False)],
)
async def test_medical_card_opens_with_a_case_of_a_person_only(
    store: Store, home: DemoHome, severity: Severity, hazard: str, *, is_open: bool
) -> None:
    number = await ring(store, home, severity, hazard)
    assert (await subject(store, who(Role.OPERATOR), number)).is_open is is_open


async def test_unknown_case_has_no_subject(store: Store) -> None:
    user = who(Role.OPERATOR)
    assert await store.read(lambda connection: rights.subject_of_case(connection, user, 99, LATER)) is None


async def test_family_member_is_known_by_the_register_and_sees_by_consent(store: Store, home: DemoHome) -> None:
    def put(connection: sa.Connection) -> None:
        connection.execute(sa.update(schema.contacts).values(contact_id="son-1", may_see='["card"]'))

    await store.write(put)
    number = await ring(store, home)
    son, stranger = who(Role.FAMILY, person="son-1"), who(Role.FAMILY, person="son-2")
    seen = await subject(store, son, number, item=Item.CARD)
    assert (seen.is_own_elder, seen.is_consented, seen.holds_key) == (True, False, True)
    agreed = {
        "resident_id": "resident-0001",
        "purpose": "family_view",
        "is_given": True,
        "given_by": "王桂兰",
        "relation": "self",
        "at": NOON,
        "text_version": "1",
        "how": "paper",
        "recorded_by": "li",
        "recorded_at": NOON,
    }
    await store.write(lambda connection: connection.execute(sa.insert(consents).values(agreed)))
    assert (await subject(store, son, number, item=Item.CARD)).is_consented
    assert not (await subject(store, son, number, item=Item.VITALS)).is_consented
    assert not (await subject(store, stranger, number, item=Item.CARD)).is_own_elder
    assert not (await subject(store, who(Role.OPERATOR, person="son-1"), number)).is_own_elder


# ---- looking ----


async def look(store: Store, user: User, seen: Subject) -> None:
    await store.write(
        lambda connection: rights.look(
            connection, user, Act.CARD, seen, home_id="home-501", resident_id="resident-0001", incident_id=None
        )
    )


async def test_looking_is_written_down_and_refusal_is_no_look(store: Store, home: DemoHome) -> None:
    await look(store, who(Role.OPERATOR), Subject(now=LATER, is_open=True))
    with pytest.raises(Refused):
        await look(store, who(Role.ADMIN), Subject(now=LATER, is_open=True))
    log = await store.read(lambda connection: people_access.of_resident(connection, "resident-0001"))
    assert [(one.actor, one.act, one.at) for one in log] == [("zhang", Act.CARD, LATER)]
    assert await store.read(people_access.faults) == []


async def test_broken_glass_waits_for_another_supervisor(store: Store, home: DemoHome) -> None:
    await look(store, who(Role.OPERATOR), Subject(now=LATER, reason="邻居来电"))

    async def glass() -> list[tuple[str, str, str | None]]:
        found = await store.read(rights.broken_glass)
        return [(one.access.actor, one.access.reason, one.seen_by) for one in found]

    assert await glass() == [("zhang", "邻居来电", None)]
    number = (await store.read(rights.broken_glass))[0].access.access_id
    for by, which in (("zhang", number), ("li", number + 1), ("li", number - 1)):
        with pytest.raises(IllegalMove):
            await store.write(lambda connection, by=by, which=which: rights.review(connection, which, by, LATER))
    await store.write(lambda connection: rights.review(connection, number, "li", LATER))
    assert await glass() == [("zhang", "邻居来电", "li")]
    with pytest.raises(IllegalMove):
        await store.write(lambda connection: rights.review(connection, number, "wang", LATER))


# ---- tokens ----

TOKEN = Token(
    token_id="t1",
    name="hospital",
    role=Role.OPERATOR,
    scopes=frozenset({Scope.CASES_READ}),
    areas=frozenset({"north"}),
    organisations=EVERYWHERE,
    person="",
    agreement="",
    a_minute=60,
    created_by="root",
    created_at=NOON,
    expires_at=NOON + timedelta(days=30),
)


def books(store: Store, at=NOON) -> Staff:
    return Staff(store=store, by="root", clock=Time(at))


async def caller(store: Store, word: str, at=LATER) -> Caller | None:
    return await store.read(lambda connection: tokens.caller(connection, token_hash(word), at))


async def test_token_is_good_until_it_is_revoked_or_old_and_is_not_stored(store: Store) -> None:
    word = await books(store).add_token(TOKEN)
    found = await caller(store, word)
    assert found is not None
    assert found.token == TOKEN
    assert found.user.login == "token:hospital"
    assert await caller(store, word + "x") is None
    assert await caller(store, "") is None
    assert await caller(store, word, TOKEN.expires_at) is None
    assert word not in repr(await store.read(lambda connection: connection.execute(sa.select(api_tokens)).all()))
    await books(store).revoke_token("t1")
    assert await caller(store, word) is None
    with pytest.raises(IllegalMove, match="no token t1"):
        await books(store).revoke_token("t1")
    changes = await store.read(lambda connection: connection.execute(sa.select(right_changes)).all())
    assert [change.what for change in changes] == ["token added", "token revoked"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scopes": frozenset()}, "--scope"),
        ({"expires_at": NOON + timedelta(days=367)}, "366 days"),
        ({"expires_at": NOON}, "366 days"),
        ({"scopes": frozenset({Scope.RESIDENTS_READ})}, "needs an agreement"),
        ({"scopes": frozenset({Scope.MEDICAL_READ})}, "both scopes"),
    ],
)
async def test_careless_token_is_not_made(store: Store, change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await books(store).add_token(replace(TOKEN, **change))


async def test_token_of_an_unknown_agreement_is_not_made(store: Store) -> None:
    with pytest.raises(IllegalMove, match="no agreement a9"):
        await books(store).add_token(replace(TOKEN, agreement="a9"))


@pytest.mark.parametrize(
    ("scopes", "asked", "given"),
    [
        ({"residents:read"}, None, {"name"}),
        ({"residents:read"}, {"name"}, {"name"}),
        ({"residents:read"}, {"name", "conditions"}, None),
        ({"residents:read"}, {"address"}, None),
        ({"residents:read", "medical:read"}, None, {"name", "conditions"}),
    ],
)
async def test_fields_outside_the_agreement_are_refused(
    scopes: set[str], asked: set[str] | None, given: set[str] | None
) -> None:
    made = Agreement(
        agreement_id="a1",
        organisation="care-co",
        purpose="p",
        fields=frozenset({Field.NAME, Field.CONDITIONS}),
        areas=EVERYWHERE,
        starts_at=NOON,
        ends_at=LATER,
    )
    token = replace(TOKEN, scopes=frozenset(Scope(scope) for scope in scopes), agreement="a1")
    wanted = None if asked is None else frozenset(Field(name) for name in asked)
    if given is None:
        with pytest.raises(Refused, match="does not cover"):
            Caller(token=token, agreement=made).fields(wanted)
    else:
        assert Caller(token=token, agreement=made).fields(wanted) == given
    with pytest.raises(Refused, match="does not cover"):
        Caller(token=token, agreement=None).fields(wanted)


async def test_agreement_that_has_ended_gives_nothing(store: Store) -> None:
    made = Agreement(
        agreement_id="a1",
        organisation="care-co",
        purpose="p",
        fields=frozenset({Field.NAME}),
        areas=EVERYWHERE,
        starts_at=NOON,
        ends_at=NOON + timedelta(days=2),
    )
    await books(store).agree(made)
    with pytest.raises(IllegalMove, match="already"):
        await books(store).agree(made)
    scopes = frozenset({Scope.RESIDENTS_READ})
    word = await books(store).add_token(replace(TOKEN, scopes=scopes, agreement="a1"))
    first = await caller(store, word)
    assert first is not None
    assert first.agreement == made
    await books(store, LATER).end_agreement("a1")
    second = await caller(store, word)
    assert second is not None
    assert second.agreement is None
    with pytest.raises(IllegalMove, match="could be ended"):
        await books(store, LATER).end_agreement("a1")


async def test_responder_keeps_his_case_two_hours(store: Store, home: DemoHome) -> None:
    """From the report on, not from the end: a case may wait for days for its call-back."""
    number = await ring(store, home)
    version = 1

    async def order(command: str, by: str, role: str, at, **more: object) -> None:
        nonlocal version
        wish = Wish(
            incident_id=number,
            command=command,
            by=by,
            role=role,
            command_id=f"{command}-{version}",
            version=version,
            **more,
        )
        answer = await store.write(lambda connection: orders.carry_out(connection, wish, at))
        version = answer.value().version

    liu = who(Role.RESPONDER, login="phone-1", person="r-liu")
    await order("ack", "zhang", "operator", NOON)
    await order("dispatch", "zhang", "operator", NOON, targets=("r-liu",))
    may(liu, Right.RESPOND, await subject(store, liu, number))
    with pytest.raises(Refused, match="not your case"):
        may(liu, Right.READ_MEDICAL, await subject(store, liu, number))
    await order("accept", "r-liu", "responder", NOON, eta_min=5)
    may(liu, Right.READ_KEY_SAFE, await subject(store, liu, number))
    await order("arrive", "r-liu", "responder", NOON)
    await order("report", "r-liu", "responder", NOON, disposition=Disposition.HELPED, text="ok")
    with pytest.raises(Refused, match="on the way"):
        may(liu, Right.READ_KEY_SAFE, await subject(store, liu, number))
    may(liu, Right.READ_MEDICAL, await subject(store, liu, number))
    late = replace(await subject(store, liu, number), now=NOON + timedelta(hours=2, seconds=1))
    with pytest.raises(Refused, match="more than two hours"):
        may(liu, Right.READ_MEDICAL, late)
    assert (
        await store.read(lambda connection: rights.subject_of_home(connection, liu, "home-501", NOON))
    ).left_at == NOON
    with pytest.raises(StaleVersion):
        version = 1
        await order("verify_ok", "li", "supervisor", LATER)
