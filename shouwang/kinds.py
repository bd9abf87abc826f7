"""Entries of many kinds, each read by its own model, which pydantic builds when a document first names that kind.

A home uses a handful of some fifty kinds: the others would cost a small box 2 MiB. What may be written, the complaints
and the JSON Schema are those of a union with `Field(discriminator="kind")`. Pure.
"""

from dataclasses import dataclass
from typing import Annotated, cast

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shouwang.complaint import KIND, alternatives, kinds_of


@dataclass(frozen=True, slots=True)
class ByKind:
    """Marks a union of models as told apart by `kind`: `Annotated[This | That, ByKind()]`."""

    def __get_pydantic_core_schema__(self, union: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Each kind asks its model; the tags, and so the places of errors, are pydantic's own."""
        models = [model for model in alternatives(union) if isinstance(model, type) and issubclass(model, BaseModel)]
        choices = {kind: _asking(model) for model in models for kind in kinds_of(model)}

        def described(_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
            whole = cast("type[object]", Annotated[union, Field(discriminator=KIND)])
            return handler(TypeAdapter(whole).core_schema)

        return core_schema.tagged_union_schema(
            choices, discriminator=KIND, metadata={"pydantic_js_functions": [described]}
        )


def _asking(model: type[BaseModel]) -> CoreSchema:
    return core_schema.no_info_plain_validator_function(model.model_validate)
