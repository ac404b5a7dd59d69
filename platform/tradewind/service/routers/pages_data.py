"""Pages: the catalog of datasets, and one dataset with its history."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from tradewind.service import data
from tradewind.service.context import context
from tradewind.service.listing import View, shown
from tradewind.service.render import page
from tradewind.service.signin import Reader
from tradewind.store.restatements import told

router = APIRouter(prefix="/data", include_in_schema=False)

SORTS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "name": lambda row: row["name"],
    "start": lambda row: row["start"],
    "end": lambda row: row["end"],
    "symbols": lambda row: row["symbols"],
    "frequency": lambda row: row["frequency"],
    "snapshot": lambda row: row["snapshot_time"],
    "size": lambda row: row["bytes"],
}


@router.get("")
def catalog_page(request: Request, identity: Reader) -> Response:
    """Show the datasets that the user may read."""
    view = View.of(request, ("q", "frequency"), tuple(SORTS), "name")
    infos, broken = data.infos(context(request), identity)
    found = data.qualities(context(request), (info.name for info in infos))
    rows = [
        {**info.to_dict(), "snapshot_moment": info.snapshot_time, "quality": found[info.name]}
        for info in infos
    ]
    words = view["q"].lower().split()
    matching = [
        row
        for row in rows
        if all(
            word in f"{row['name']} {row['description']} {row['source']} {row['fields']}".lower()
            for word in words
        )
        and view["frequency"] in ("", row["frequency"])
    ]
    return page(
        request,
        "data.html",
        title="Data",
        view=view,
        shown=shown(matching, view, SORTS),
        frequencies=sorted({row["frequency"] for row in rows}),
        broken=broken,
        none_at_all=not rows and not broken,
    )


@router.get("/{name}")
def detail_page(request: Request, identity: Reader, name: str) -> Response:
    """Show one dataset."""
    found = data.detail(context(request), identity, name)
    return page(request, "dataset.html", title=name, found=found, info=found.info.to_dict(), told=told)
