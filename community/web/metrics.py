"""/metrics for Prometheus; where community.yaml names no token there is no such address."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from community.metrics import Metrics

router = APIRouter()


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Numbers without names: no home, no person."""
    found = getattr(request.app.state, "metrics", None)
    if not isinstance(found, Metrics):
        raise HTTPException(404)
    if not found.knows(request.headers.get("authorization", "")):
        return PlainTextResponse("401\n", status_code=401, headers={"www-authenticate": 'Bearer realm="metrics"'})
    return Response(await found.text(), media_type=CONTENT_TYPE_LATEST)
