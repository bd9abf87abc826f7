"""The HTTP API for programs, /api/v1: an application of its own, with an OpenAPI document and a page made from it.

No browser's cookie opens it, so no browser can be misused for it; nothing is loaded from elsewhere.
"""

import time
from collections.abc import Callable
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from community.programs import Programs
from community.web import api_cases, api_people
from community.web.api_caller import Gate
from community.web.api_models import Problem
from community.web.api_problem import FAILURES, MEDIA_TYPE, http_problem, invalid, mistake, told

MOUNTED_AT = "/api/v1"
VERSION = "1.0"
"""The first number is the address; the second grows with what is added."""
_PROBLEMS = (401, 403, 404, 409, 413, 422, 429, 503)
_docs = APIRouter(include_in_schema=False)


def create_api(programs: Programs, *, name: str, time_s: Callable[[], float] = time.monotonic) -> FastAPI:
    """The API of the centre called `name`. `time_s`: a clock that never steps back, for how often somebody asks."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "Problem",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in _PROBLEMS
    }
    api = FastAPI(
        title=name,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=responses,
        root_path_in_servers=False,
        servers=[{"url": MOUNTED_AT}],
    )
    api.state.gate = Gate(programs=programs, time_s=time_s)
    for noun in (api_cases, api_people):
        api.include_router(noun.router)
    api.include_router(_docs)
    for failure in FAILURES:
        api.add_exception_handler(failure, told)
    api.add_exception_handler(HTTPException, http_problem)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(Exception, mistake)
    return api


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: with the token that every request carries."""
    schema = api.openapi()
    parts = schema.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"token": []}]
    return schema


@_docs.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The document."""
    return JSONResponse(document(request.app))


@_docs.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The same for people, without scripts."""
    schema = document(request.app)
    parts = [
        f"<h2><code>{escape(method.upper())} {MOUNTED_AT}{escape(path)}</code></h2>"
        f"<p>{escape(str(operation.get('description', '')))}</p>{_inputs(operation)}"
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    title = escape(f"{schema['info']['title']}: API {schema['info']['version']}")
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
        f'<p>The whole document: <a href="openapi.json">openapi.json</a>.</p>{"".join(parts)}</html>'
    )


def _inputs(operation: dict[str, Any]) -> str:
    rows = [
        f"<li><code>{escape(one['name'])}</code> ({escape(one['in'])}{', needed' if one.get('required') else ''}) "
        f"{escape(one.get('description', ''))}</li>"
        for one in operation.get("parameters", ())
    ]
    return f"<ul>{''.join(rows)}</ul>" if rows else ""
