"""Pure rules: small states, events in, alerts out. A new rule kind is a module here and a name in `AnyRule`."""

from typing import Annotated

from pydantic import Field

from rules.fall import Fall
from rules.silence import Silence
from rules.sos import Sos
from rules.threshold import Threshold

AnyRule = Annotated[Threshold | Sos | Fall | Silence, Field(discriminator="kind")]
