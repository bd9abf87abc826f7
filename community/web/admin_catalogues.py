"""Catalogues: dangers, quantities and devices by the names that the product knows, to be searched and taken along."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.catalogue import DeviceKind, Hazard, Part, fits, hazards, quantities
from community.catalogue_room import CatalogueRoom
from community.rights import Right, holds
from community.web import words
from community.web.admin_parts import SettingsReader, Visit
from community.web.console import Taker, language_of
from community.web.fleet_words import kind_of
from community.web.language import Language, translations
from community.web.rooms import room_of
from community.web.spreadsheet import spreadsheet
from shouwang.quantities import QUANTITIES, Quantity, QuantityInfo

router = APIRouter()
Room = Annotated[CatalogueRoom, Depends(room_of(CatalogueRoom))]


class Asked(BaseModel):
    """Which of them, and what is looked for."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    part: Part = Part.HAZARDS
    find: Annotated[str, Field(max_length=60)] = ""


@router.get("/admin/catalogues")
async def catalogues(visit: SettingsReader, room: Room, asked: Annotated[Asked, Query()]) -> HTMLResponse:
    """A page of one of them."""
    return await visit.page(
        "admin_catalogues.html",
        asked=asked,
        parts=Part,
        rows=(await _chosen(visit, room, asked)).rows,
        kind_of=kind_of,
        may_take=holds(visit.user, Right.EXPORT),
    )


@router.get("/admin/catalogues.csv")
async def table(visit: SettingsReader, _: Taker, room: Room, asked: Annotated[Asked, Query()]) -> Response:
    """The same as a table, with the words of both languages."""
    chosen = await _chosen(visit, room, asked)
    return spreadsheet(chosen.lines, name=f"{asked.part.value}.csv")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What was looked for, as the page shows it, and as lines of a table."""

    rows: Sequence[object]
    lines: Iterable[Sequence[object]]


async def _chosen(visit: Visit, room: CatalogueRoom, asked: Asked) -> _Chosen:
    find, language = asked.find, language_of(visit.request, visit.shift)
    match asked.part:
        case Part.HAZARDS:
            named = _hazards(find, language)
            return _Chosen(named, _of_hazards(named))
        case Part.QUANTITIES:
            measured = _quantities(find)
            return _Chosen(measured, _of_quantities(measured))
        case Part.DEVICES:
            devices = _devices(await room.devices(), find, language)
            return _Chosen(devices, _of_devices(devices))


def _hazards(find: str, language: Language) -> list[Hazard]:
    translated = translations(language).gettext
    named = hazards(dict.fromkeys((*words.HAZARDS, *(one.value for one, _ in quantities()))))
    shown = (one for one in named if one.name in words.HAZARDS or one.usual is not None)
    return [one for one in shown if fits(find, one.name, *_hazard_words(one, translated))]


def _quantities(find: str) -> list[tuple[Quantity, QuantityInfo]]:
    return [(one, info) for one, info in quantities() if fits(find, one.value, info.zh, info.en, *_codes(info))]


def _devices(found: Iterable[DeviceKind], find: str, language: Language) -> list[DeviceKind]:
    translated = translations(language).gettext
    return [
        one for one in found if fits(find, one.kind, one.maker, one.model, translated(kind_of(one.kind) or one.kind))
    ]


def _hazard_words(one: Hazard, translated: Callable[[str], str]) -> Sequence[str]:
    named = words.HAZARDS.get(one.name)
    script = (one.script.zh, one.script.en) if one.script else ()
    return (translated(named) if named else "", named or "", *script)


def _codes(info: QuantityInfo) -> Sequence[str]:
    return info.unit, info.loinc or "", str(info.mdc or "")


def _of_hazards(rows: Iterable[Hazard]) -> Iterable[Sequence[object]]:
    yield "hazard", "zh", "en", "usual_priority", "lane", "workflow", "script_zh", "script_en"
    zh = translations(Language.ZH).gettext
    for one in rows:
        named = words.HAZARDS.get(one.name, "")
        info = None if named else QUANTITIES[Quantity(one.name)]
        script = ("", "") if one.script is None else (one.script.zh, one.script.en)
        told = (zh(named), named) if info is None else (info.zh, info.en)
        yield one.name, *told, one.usual.value if one.usual else "", one.lane, one.workflow, *script


def _of_quantities(rows: Iterable[tuple[Quantity, QuantityInfo]]) -> Iterable[Sequence[object]]:
    yield "quantity", "zh", "en", "unit_ucum", "loinc", "mdc", "low", "high", "event", "life_safety"
    for one, info in rows:
        yield (
            one.value,
            info.zh,
            info.en,
            info.unit,
            info.loinc,
            info.mdc,
            info.low,
            info.high,
            info.event,
            info.life_safety,
        )


def _of_devices(rows: Iterable[DeviceKind]) -> Iterable[Sequence[object]]:
    yield "kind", "zh", "en", "maker", "model", "sensors", "boxes", "on_file"
    zh = translations(Language.ZH).gettext
    for one in rows:
        named = kind_of(one.kind)
        yield one.kind, zh(named) if named else "", named, one.maker, one.model, one.sensors, one.boxes, one.on_file
