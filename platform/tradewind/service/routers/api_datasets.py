"""REST: datasets."""

from typing import Any

from fastapi import APIRouter, Request

from tradewind.service import data
from tradewind.service.context import context
from tradewind.service.signin import Reader

router = APIRouter(prefix="/api/datasets", tags=["datasets"])


@router.get("")
def list_datasets(request: Request, identity: Reader) -> list[dict[str, Any]]:
    """List the shared datasets that you may read."""
    found, _ = data.infos(context(request), identity)
    return [info.to_dict() for info in found]


@router.get("/{name}")
def read(request: Request, identity: Reader, name: str) -> dict[str, Any]:
    """Read one dataset's description and history."""
    return data.detail(context(request), identity, name).document()
