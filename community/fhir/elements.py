"""The data types of FHIR R4 that we write, field by field as the standard names them. Nothing empty is ever written."""

import math
import re

import msgspec


class Element(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Left out where it is empty: FHIR knows no null and no empty array."""


class Coding(Element, frozen=True, kw_only=True):
    """A code of a code system."""

    system: str
    code: str
    display: str | None = None


class Concept(Element, frozen=True, kw_only=True):
    """A CodeableConcept: the same meaning in several code systems, and in words."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Identifier(Element, frozen=True, kw_only=True):
    """A number that somebody gave."""

    system: str
    value: str


class Reference(Element, frozen=True, kw_only=True):
    """To a resource of the same bundle (`reference`), or to whom only an `identifier` names."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class Measure(Element, frozen=True, kw_only=True):
    """A Quantity with a UCUM unit."""

    value: int | float
    unit: str
    system: str
    code: str


class Period(Element, frozen=True, kw_only=True):
    """From a moment to a moment."""

    start: str | None = None
    end: str | None = None


class Note(Element, frozen=True, kw_only=True):
    """An Annotation."""

    text: str


class Extension(Element, frozen=True, kw_only=True):
    """What the standard has no field for."""

    url: str
    value_code: str | None = None
    value_boolean: bool | None = None
    value_unsigned_int: int | None = None
    value_quantity: Measure | None = None
    extension: "tuple[Extension, ...]" = ()


class Name(Element, frozen=True, kw_only=True):
    """A HumanName, as one line: names are not taken apart."""

    text: str


class ContactPoint(Element, frozen=True, kw_only=True):
    """A telephone; the lowest `rank` is called first."""

    system: str
    value: str
    rank: int | None = None


class Address(Element, frozen=True, kw_only=True):
    """As one line."""

    text: str


def words(text: str) -> str | None:
    """What a FHIR string may hold of the text; None where nothing is left."""
    return _FORBIDDEN.sub(" ", text).strip() or None


def decimal(value: float) -> int | float | None:
    """The number as it is written, without the noise of floating point; None for what is no number."""
    if not math.isfinite(value):
        return None
    rounded = round(value, _DECIMALS)
    return int(rounded) if rounded == int(rounded) else rounded


_DECIMALS = 4
"""Finer than any sensor of a home: scales tell 5 g as 0.005 kg (Weight Scale Service 1.0.1)."""
# Strings of FHIR: [ \r\n\t\S]+, where many programs take the wide blank of Chinese texts (U+3000) for a blank as well.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|[^\S \r\n\t]")
