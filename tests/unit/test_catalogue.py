"""The catalogues say what the rules at home and the centre really do."""

import pytest

from community.catalogue import USUAL, fits, hazards, quantities
from rules import away, bed_exit_wearable, dose, fall, inactivity, silence, sos
from rules.news2_home import HAZARD as VITAL
from rules.threshold import Threshold
from shouwang.alert import Severity
from shouwang.quantities import QUANTITIES, Quantity


@pytest.mark.parametrize("module", [sos, fall, dose, inactivity, bed_exit_wearable, away, silence])
def test_usual_priority_is_the_default_of_the_rule_that_raises_it(module: object) -> None:
    configs = [
        one
        for one in vars(module).values()
        if isinstance(one, type)
        and one.__module__ == module.__name__
        and "severity" in getattr(one, "model_fields", {})  # type: ignore[attr-defined]
    ]
    (config,) = configs
    assert USUAL[module.HAZARD] is config.model_fields["severity"].default  # type: ignore[attr-defined]


def test_vital_signs_are_as_urgent_as_their_threshold() -> None:
    assert USUAL[VITAL] is Threshold.model_fields["severity"].default


def test_hazard_leads_to_lane_workflow_and_script() -> None:
    fell, silent, smoke = hazards(["fall", "sensor-silent", "smoke"])
    assert (fell.usual, fell.lane, fell.workflow) == (Severity.P1, "life", "emergency")
    assert fell.script is not None
    assert (silent.lane, silent.workflow) == ("tech", "technical")
    assert (smoke.usual, smoke.lane, smoke.script) == (None, "", None)


def test_search_wants_each_word_somewhere() -> None:
    assert fits("PRESSURE mm", "systolic pressure", "mm[Hg]")
    assert not fits("pressure kPa", "systolic pressure", "mm[Hg]")
    assert fits("", "anything")


def test_every_quantity_is_listed() -> None:
    assert [one for one, _ in quantities()] == list(Quantity)
    assert all(info is QUANTITIES[one] for one, info in quantities())
