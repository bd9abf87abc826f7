"""Pure rules: small states, events in, alerts out. A new rule kind is a module here and a name in `AnyRule`."""

from typing import Annotated

from rules.away import AwayActivity
from rules.baseline import Baseline
from rules.bed_exit_wearable import BedExitWearable
from rules.combine import Combine
from rules.count import Count
from rules.dose import Dose
from rules.expected import Expected
from rules.fall import Fall
from rules.fall_wearable import FallWearable
from rules.inactivity import Inactivity
from rules.lasting import Lasting
from rules.news2_home import News2Home
from rules.silence import Silence
from rules.sos import Sos
from rules.threshold import Threshold
from rules.trend import Trend
from shouwang.kinds import ByKind

AnyRule = Annotated[
    Threshold
    | Sos
    | Fall
    | FallWearable
    | BedExitWearable
    | Silence
    | Lasting
    | Expected
    | Inactivity
    | AwayActivity
    | Count
    | Combine
    | Dose
    | Trend
    | Baseline
    | News2Home,
    ByKind(),
]
