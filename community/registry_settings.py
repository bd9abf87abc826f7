"""What community.yaml says of the register of people and places."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class RegistryEntry(BaseModel):
    """The register of people and places (docs/people.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = Field(
        None, description="seals key-safe codes; made by `shouwang community people key-safe new-key FILE`"
    )
