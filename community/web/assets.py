"""Scripts and styles, served from this package only.

The address carries a digest of all of them, so that browsers may keep them for ever and still see an update at once.
"""

import hashlib
from importlib.resources import as_file, files
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_YEAR_S = 31536000


class Assets(StaticFiles):
    """The files under one digest."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be kept."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = f"public, max-age={_YEAR_S}, immutable"
        return response


def folder() -> Path:
    """Where the files lie. The package is always installed as files."""
    with as_file(files("community.web") / "static") as path:
        return path


def address() -> str:
    """The path under which they are served."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder().rglob("*") if path.is_file()):
        digest.update(file.relative_to(folder()).as_posix().encode() + b"\0" + file.read_bytes())
    return f"/static/{digest.hexdigest()[:16]}"
