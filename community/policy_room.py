"""What stands behind the pages of policies: proposals, their trial on past cases, the second person's word."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from community.casefile import NotNow
from community.facts import Fact, fact, kept
from community.lanes import WORKFLOWS
from community.policy import CENTRE_FROM, Difference, Numbers, differences, laid_over, numbers_of
from community.policy_trial import CaseTimes, Trial, tried
from community.rights import Right, Subject, may
from community.store import policies
from community.store import tokens as books
from community.store.database import Connection, Store
from community.store.policies import PROPOSED, Policy
from community.users import User
from community.workflow import Workflow, kept_workflow, workflow
from shouwang.alert import Sentence
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

TRIAL_OVER = timedelta(days=30)
TRIAL_CASES = 2000
"""The newest of the month: two seconds of work, a tenth of a second at a time."""
_AT_ONCE = 100
_LISTED = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A workflow as new cases get it. `policy`: the centre's own numbers, None: what comes with the server."""

    shipped: Workflow
    policy: Policy | None
    open: tuple[Policy, ...]

    @property
    def version(self) -> int:
        """That of new cases."""
        return self.shipped.version if self.policy is None else self.policy.version

    @property
    def numbers(self) -> Numbers:
        """That of new cases."""
        return numbers_of(self.shipped) if self.policy is None else self.policy.numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Weighed:
    """A proposal with what it changes; `trial`: the month by the old and by the new numbers, None once decided."""

    policy: Policy
    changes: tuple[Difference, ...]
    cases: int
    trial: tuple[Trial, Trial] | None


class PolicyRoom:
    """Policies of this centre."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """`clock`: wall time."""
        self._store, self._clock = store, clock

    async def standings(self) -> tuple[Standing, ...]:
        """All workflows."""
        return await self._store.read(lambda connection: tuple(_standing(connection, name) for name in WORKFLOWS))

    async def standing(self, name: str) -> Standing:
        """One workflow."""
        return await self._store.read(lambda connection: _standing(connection, name))

    async def history(self, name: str | None = None) -> tuple[Policy, ...]:
        """The newest proposals and versions."""
        return await self._store.read(lambda connection: policies.newest(connection, _LISTED, name))

    async def policy(self, policy_id: int) -> Policy | None:
        """The policy of this number."""
        return await self._store.read(lambda connection: policies.one(connection, policy_id))

    async def propose(self, by: User, name: str, numbers: Numbers, *, seen: int, reason: str) -> int:
        """A proposal, and its number; `seen`: the version that it is to follow.

        Raises Refused, ConfigError for numbers out of bounds or none that changes, NotNow where another is in force.
        """
        now = self._clock()
        may(by, Right.PROPOSE_SETTINGS, Subject(now=now, is_home=False))
        shipped = workflow(name)
        laid_over(shipped, numbers, shipped.version)

        def propose(connection: Connection) -> int:
            changes = differences(_standing(connection, name).numbers, numbers)
            if not changes:
                raise ConfigError(
                    Bilingual("nothing would change: set another number first", zh="什么都不会变：请先改一个数")
                )
            wanted = Policy(
                policy_id=0,
                workflow=name,
                base=shipped.version,
                instead_of=seen,
                numbers=numbers,
                reason=reason,
                state=PROPOSED,
                proposed_by=by.login,
                proposed_at=now,
                decided_by=None,
                decided_at=None,
            )
            policy_id = policies.propose(connection, wanted)
            detail = kept((fact("words", text=reason), *_facts(changes)))
            books.changed(connection, by.login, "policy proposed", _called(name, policy_id), detail, at=now)
            return policy_id

        return await self._store.write(propose)

    async def weighed(self, policy_id: int) -> Weighed | None:
        """A proposal with its trial. Raises DecodeError where the log of a past case is damaged."""
        policy = await self.policy(policy_id)
        if policy is None:
            return None
        before = kept_workflow(policy.workflow, policy.instead_of)
        changes = differences(numbers_of(before), policy.numbers)
        if policy.state != PROPOSED:
            return Weighed(policy=policy, changes=changes, cases=0, trial=None)
        cases = await self._past(policy.workflow)
        after = policy.table()
        trial = await asyncio.to_thread(lambda: (tried(before, cases), tried(after, cases)))
        return Weighed(policy=policy, changes=changes, cases=len(cases), trial=trial)

    async def approve(self, by: User, policy_id: int) -> None:
        """Put it in force for new cases. Raises Refused for the proposer himself, NotNow, IllegalMove."""
        await self._decide(by, policy_id, policies.put_in_force, "policy approved")

    async def refuse(self, by: User, policy_id: int) -> None:
        """It does not come. Raises NotNow, IllegalMove."""
        await self._decide(by, policy_id, policies.refuse, "policy refused")

    async def _decide(
        self,
        by: User,
        policy_id: int,
        decision: Callable[[Connection, int, str, datetime], Policy],
        what: str,
    ) -> None:
        now = self._clock()

        def decide(connection: Connection) -> None:
            policy = policies.one(connection, policy_id)
            if policy is None:
                raise NotNow(Sentence(zh=f"没有第 {policy_id} 号提案", en=f"there is no proposal {policy_id}"))
            is_taken_back = decision is policies.refuse and policy.proposed_by == by.login
            if not is_taken_back:
                may(by, Right.SET_POLICY, Subject(now=now, is_home=False, second=policy.proposed_by))
            before = _standing(connection, policy.workflow).numbers
            decision(connection, policy_id, by.login, now)
            changes = differences(before, policy.numbers)
            detail = kept((fact("proposer", login=policy.proposed_by), *_facts(changes)))
            books.changed(connection, by.login, what, _called(policy.workflow, policy_id), detail, at=now)

        await self._store.write(decide)

    async def _past(self, name: str) -> tuple[CaseTimes, ...]:
        since = self._clock() - TRIAL_OVER
        numbers = await self._store.read(lambda connection: policies.cases_since(connection, name, since, TRIAL_CASES))
        found: list[CaseTimes] = []
        for place in range(0, len(numbers), _AT_ONCE):
            some = numbers[place : place + _AT_ONCE]
            found += await self._store.read(partial(policies.times, incident_ids=some))
        return tuple(found)


def _standing(connection: Connection, name: str) -> Standing:
    version = policies.in_force(connection, name)
    listed = policies.newest(connection, _LISTED, name)
    mine = None if version is None else policies.one(connection, version - CENTRE_FROM)
    return Standing(shipped=workflow(name), policy=mine, open=tuple(one for one in listed if one.state == PROPOSED))


def _called(name: str, policy_id: int) -> str:
    return f"{name}@{CENTRE_FROM + policy_id}"


def _facts(changes: tuple[Difference, ...]) -> list[Fact]:
    return [
        fact(
            "number",
            what_zh=one.what.zh,
            what_en=one.what.en,
            old_zh=one.old.zh,
            old_en=one.old.en,
            new_zh=one.new.zh,
            new_en=one.new.en,
        )
        for one in changes
    ]
