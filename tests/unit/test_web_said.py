"""Words of templates: translated once, with values in them each time anew, and never taken for HTML."""

from datetime import UTC, datetime

import pytest
from jinja2 import Environment

from community.web.language import Language
from community.web.pages import Pages

NOW = datetime(2026, 11, 23, 19, 12, 44, tzinfo=UTC)


@pytest.fixture
def environments() -> dict[Language, Environment]:
    pages = Pages(clock=lambda: NOW, zone=UTC, name="阳光社区", static="/static")
    return pages._environments


def test_each_language_says_its_own_words_again_and_again(environments: dict[Language, Environment]) -> None:
    said = {
        language: [found.from_string('{{ _("Figures") }} {{ _("Figures") }}').render() for _ in range(2)]
        for language, found in environments.items()
    }
    assert said[Language.EN] == ["Figures Figures"] * 2
    assert said[Language.ZH] == ["指标 指标"] * 2


def test_values_in_words_are_escaped_and_not_kept(environments: dict[Language, Environment]) -> None:
    template = environments[Language.EN].from_string('{{ _("%(name)s is away", name=name) }}')
    assert template.render(name="<b>") == "&lt;b&gt; is away"
    assert template.render(name="王") == "王 is away"


def test_a_percent_sign_is_one_with_and_without_values(environments: dict[Language, Environment]) -> None:
    template = environments[Language.EN].from_string('{{ _("100 %% of %(what)s", what="all") }}, {{ _("100 %%") }}')
    assert template.render() == "100 % of all, 100 %"
