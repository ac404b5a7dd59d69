"""REST: datasets."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from tradewind.service import data
from tradewind.service.context import context
from tradewind.service.signin import Reader

router = APIRouter(prefix="/api/datasets", tags=["datasets"])


@router.get("")
def list_datasets(request: Request, identity: Reader) -> list[dict[str, Any]]:
    """List the shared datasets that you may read."""
    here = context(request)
    found, _ = data.infos(here, identity)
    quality = data.qualities(here, [info.name for info in found])
    return [
        {
            **info.to_dict(),
            "findings": quality[info.name].counts,
            "quarantined": quality[info.name].quarantined,
        }
        for info in found
    ]


@router.get("/{name}")
def read(request: Request, identity: Reader, name: str) -> dict[str, Any]:
    """Read one dataset's description and history."""
    return data.detail(context(request), identity, name).document()


@router.get("/{name}/coverage")
def coverage(request: Request, identity: Reader, name: str) -> dict[str, Any]:
    """Say how much of a dataset is there: the share of bars held, symbols by spans of time."""
    return data.held(context(request), identity, name).to_dict()


@router.get("/{name}/restatements")
def restatements(request: Request, identity: Reader, name: str) -> list[dict[str, Any]]:
    """List your runs (an administrator's: everybody's) that read data which was corrected afterwards."""
    return [found.to_dict() for found in data.corrected(context(request), identity, name)]


reads_router = APIRouter(prefix="/api/reads", tags=["datasets"])


@reads_router.get("")
def reads(request: Request, identity: Reader, dataset: str = "") -> list[dict[str, Any]]:
    """List which of your runs read which dataset at which snapshot, newest first."""
    return [asdict(found) for found in data.reads(context(request), identity, dataset)]
