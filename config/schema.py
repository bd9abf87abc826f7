"""The home's YAML as a JSON Schema, so that editors complete and check it while it is written."""

from datetime import timedelta

from pydantic.json_schema import GenerateJsonSchema

from config.home import Home
from config.presets import preset_names
from shouwang.complaint import duration_text


def schema() -> dict[str, object]:
    """JSON Schema, draft 2020-12."""
    written = Home.model_json_schema(schema_generator=_Schema)
    written["$defs"]["Use"]["properties"]["use"]["enum"] = list(preset_names())
    return {"$schema": GenerateJsonSchema.schema_dialect, **written, "title": "A home watched by Shouwang"}


class _Schema(GenerateJsonSchema):
    def encode_default(self, dft: object) -> object:
        """Durations as people write them; pydantic's own way is ISO 8601."""
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)
