"""Entries of many kinds: only the kinds that are named cost memory; all else is as pydantic's own union of kinds."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shouwang.kinds import ByKind


class _Lamp(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)
    kind: Literal["lamp", "light"]
    watts: int = Field(ge=1, description="as printed on it")


class _Bell(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)
    kind: Literal["bell"]


OURS: TypeAdapter[_Lamp | _Bell] = TypeAdapter(Annotated[_Lamp | _Bell, ByKind()])
THEIRS: TypeAdapter[_Lamp | _Bell] = TypeAdapter(Annotated[_Lamp | _Bell, Field(discriminator="kind")])


def test_a_kind_that_no_document_names_is_not_built() -> None:
    class _Siren(BaseModel):
        model_config = ConfigDict(defer_build=True)
        kind: Literal["siren"]

    entry: TypeAdapter[_Lamp | _Siren] = TypeAdapter(Annotated[_Lamp | _Siren, ByKind()])
    assert entry.validate_python({"kind": "lamp", "watts": 5}) == _Lamp(kind="lamp", watts=5)
    assert not _Siren.__pydantic_complete__
    assert entry.validate_python({"kind": "siren"}) == _Siren(kind="siren")
    assert _Siren.__pydantic_complete__


@pytest.mark.parametrize("entry", [{"kind": "lamp", "watts": 5}, {"kind": "light", "watts": 1}, _Bell(kind="bell")])
def test_an_entry_is_read_and_written_as_by_a_union(entry: object) -> None:
    ours = OURS.validate_python(entry)
    assert ours == THEIRS.validate_python(entry)
    assert OURS.dump_json(ours) == THEIRS.dump_json(ours)


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "lamp", "watts": 0},
        {"kind": "light", "watts": "x", "colour": "red"},
        {"kind": "gong"},
        {"kind": 5},
        {"watts": 5},
        {},
        "lamp",
        None,
    ],
)
def test_complaints_are_those_of_a_union(entry: object) -> None:
    with pytest.raises(ValidationError) as ours:
        OURS.validate_python(entry)
    with pytest.raises(ValidationError) as theirs:
        THEIRS.validate_python(entry)
    assert ours.value.errors() == theirs.value.errors()


def test_the_schema_is_that_of_a_union() -> None:
    assert OURS.json_schema() == THEIRS.json_schema()
