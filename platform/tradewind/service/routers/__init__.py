"""One router a resource: ``api_*`` for the REST API, ``pages_*`` for the pages."""

from fastapi import APIRouter

from tradewind.service.routers import (
    api_admin,
    api_dashboards,
    api_datasets,
    api_platform,
    api_runs,
    api_schedules,
    pages_admin,
    pages_dashboards,
    pages_data,
    pages_new_run,
    pages_runs,
    pages_schedules,
)


def all_routers() -> list[APIRouter]:
    """Return all routers; the page of a new run comes before the page of a run, whose id it would be."""
    return [
        api_platform.router,
        api_runs.router,
        api_schedules.router,
        api_dashboards.router,
        api_datasets.router,
        api_datasets.reads_router,
        api_admin.router,
        pages_new_run.router,
        pages_runs.router,
        pages_schedules.router,
        pages_dashboards.router,
        pages_data.router,
        pages_admin.router,
    ]
