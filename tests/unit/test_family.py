"""What a family is told: an alarm before all else, silence before "all is well", and each state has its words."""

import pytest

from community.desk import HomeMode
from community.family import Kin, Known, Status, kin_of, status_of
from community.people import Item, Sex
from community.web import family_words
from community.web.language import Language, catalogue
from community.workflow import workflow


def known(*states: str, is_heard: bool | None = True, mode: HomeMode = HomeMode.HOME) -> Known:
    return Known(states=states, is_heard=is_heard, mode=mode)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (known(), Status.HOME),
        (known(mode=HomeMode.AWAY), Status.AWAY),
        (known(mode=HomeMode.HOSPITAL), Status.HOSPITAL),
        (known(mode=HomeMode.VISITOR), Status.VISITOR),
        (known(is_heard=False), Status.SILENT),
        (known(is_heard=False, mode=HomeMode.AWAY), Status.SILENT),
        (known(is_heard=None), Status.UNKNOWN),
        (known("OPEN"), Status.WAITING),
        (known("ACKED"), Status.TAKEN),
        (known("DISPATCHED"), Status.ASKED),
        (known("EN_ROUTE"), Status.COMING),
        (known("ON_SCENE"), Status.THERE),
        (known("FEEDBACK"), Status.CHECKED),
        (known("REVISIT"), Status.HOME),
        (known("REVISIT", is_heard=False), Status.SILENT),
        (known("FEEDBACK", "OPEN", mode=HomeMode.AWAY), Status.WAITING),
        (known("ON_SCENE", is_heard=False), Status.THERE),
        (known("A_STATE_OF_TOMORROW"), Status.WAITING),
    ],
)
def test_state_of_things(found: Known, status: Status) -> None:
    assert status_of(found) is status


def test_every_open_state_of_an_emergency_is_an_alarm_but_the_call_back() -> None:
    table = workflow("emergency")
    for name, state in table.states.items():
        if not state.final and name != "REVISIT":
            assert status_of(known(name)).is_alarm, name


@pytest.mark.parametrize("language", list(Language))
def test_each_state_has_its_words_which_name_the_elder(language: Language) -> None:
    said = {message.id: message.string for message in catalogue(language)}
    words = [said[family_words.STATUSES[status]] for status in Status]
    assert len(set(words)) == len(words)
    assert all("%(who)s" in one for one in words)
    for table, keys in ((family_words.ITEMS, Item), (family_words.MODES, HomeMode)):
        assert set(table) == set(keys)


@pytest.mark.parametrize(
    ("relation", "sex", "kin"),
    [
        ("儿子", Sex.FEMALE, Kin.MOTHER),
        (" 女儿 ", Sex.MALE, Kin.FATHER),
        ("Daughter", Sex.FEMALE, Kin.MOTHER),
        ("儿子", Sex.UNKNOWN, Kin.OTHER),
        ("儿媳", Sex.FEMALE, Kin.OTHER),
        ("邻居", Sex.FEMALE, Kin.OTHER),
        ("", Sex.MALE, Kin.OTHER),
    ],
)
def test_what_the_elder_is_called(relation: str, sex: Sex, kin: Kin) -> None:
    assert kin_of(relation, sex) is kin
