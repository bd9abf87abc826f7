"""What a contact may propose for himself, and what it would make of his entry."""

from datetime import UTC, datetime

import pytest

from community.proposals import (
    TOLD_FOR,
    Proposal,
    State,
    Wanted,
    how_reached,
    is_outrun,
    proposed,
    rewritten,
    says_so,
    spelled,
    tail,
    written,
)
from community.register_forms import Fault, Unfit
from community.registry import ContactRow

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
HIM = ContactRow(
    resident="r-1", order=0, id="son", name="王强", phones=("138 1111 2222", "021-5555"), languages=("zh", "en")
)


def wish(row: ContactRow = HIM, **wanted: object) -> Proposal:
    return proposed([HIM], row, Wanted(**wanted), by="wang", now=NOW)


def test_a_number_takes_the_place_of_the_one_that_it_follows() -> None:
    found = wish(phone="139 3333", at=1)
    assert (found.instead, found.language, found.is_open) == ("021-5555", "", True)
    assert written(HIM, found) == {"phones": ("138 1111 2222", "139 3333"), "languages": ("zh", "en")}
    assert rewritten(HIM, found).tested_on == HIM.tested_on


def test_a_language_goes_before_the_others() -> None:
    assert written(HIM, wish(language="en"))["languages"] == ("en", "zh")
    assert written(HIM, wish(language="上海话"))["languages"] == ("上海话", "zh", "en")


@pytest.mark.parametrize(
    ("wanted", "field", "fault"),
    [
        ({"phone": "nobody"}, "phone", Fault.WRONG),
        ({"phone": "1" * 41}, "phone", Fault.WRONG),
        ({"phone": "13811112222"}, "phone", Fault.SAME),
        ({"phone": "0215555"}, "phone", Fault.SAME),
        ({"language": "x" * 201}, "language", Fault.WRONG),
        ({"language": "zh"}, "phone", Fault.NOTHING),
        ({}, "phone", Fault.NOTHING),
        ({"phone": "139", "at": 2}, "phone", Fault.RETOLD),
    ],
)
def test_what_cannot_stand_is_refused_at_its_field(wanted: dict[str, object], field: str, fault: Fault) -> None:
    with pytest.raises(Unfit) as refusal:
        wish(**wanted)
    assert refusal.value.fields == {field: fault}


def test_a_number_that_makes_a_twin_on_the_list_is_refused() -> None:
    twin = HIM.model_copy(update={"id": "other", "phones": ("139 3333",)})
    with pytest.raises(Unfit) as refusal:
        proposed([HIM, twin], HIM, Wanted(phone="1393333"), by="wang", now=NOW)
    assert refusal.value.fields == {"phone": Fault.TWIN}


def test_only_how_he_is_reached_outruns_a_proposal() -> None:
    found = wish(phone="139 3333")
    tested = HIM.model_copy(update={"tested_on": "2026-11-20", "hours": "08:00-20:00", "order": 4})
    assert how_reached(tested) == found.stood
    assert not is_outrun(tested, found)
    for change in ({"phones": ("136", "021-5555")}, {"languages": ()}, {"name": "王刚"}):
        assert is_outrun(HIM.model_copy(update=change), found), change


def test_an_entry_that_says_so_already_is_not_outrun() -> None:
    both = wish(phone="139 3333", language="en")
    after = rewritten(HIM, both)
    assert says_so(after, both)
    assert not is_outrun(after, both)
    assert not says_so(after.model_copy(update={"languages": ("zh",)}), both)
    assert not says_so(HIM, both)


def test_a_decision_is_told_for_a_while_and_makes_another_mark() -> None:
    found = wish(phone="139 3333")
    decided = Proposal(
        **{name: getattr(found, name) for name in ("resident_id", "contact_id", "by", "at", "instead")},
        phone=found.phone,
        language="",
        stood=found.stood,
        state=State.REFUSED,
        decided_at=NOW,
    )
    assert found.is_told(NOW + 2 * TOLD_FOR)
    assert decided.is_told(NOW)
    assert not decided.is_told(NOW + TOLD_FOR)
    assert not decided.is_open
    assert decided.mark != found.mark


def test_the_history_names_who_and_what_and_a_page_shows_four_digits() -> None:
    assert spelled(HIM, wish(phone="139 3333", language="en")) == "王强 139 3333 en"
    assert spelled(None, wish(language="en")) == "en"
    assert tail("138 1111 2222") == "…2222"
