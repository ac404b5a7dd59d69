"""A Dask client for work that is too large for one process. Nothing of the platform itself uses it.

Dask is imported when a cluster is asked for and not before.
"""

import os
from typing import TYPE_CHECKING, Any

from tradewind.errors import InvalidInputError

if TYPE_CHECKING:
    from distributed import Client

WORKERS = "TRADEWIND_DASK_WORKERS"
"""Number of worker processes, unless asked for another one; empty means one a core."""
MEMORY = "TRADEWIND_DASK_MEMORY"
"""Memory of one worker, such as ``2GiB``; empty leaves it to Dask, which shares the machine's."""

_current: "Client | None" = None


def cluster(workers: int | None = None, *, memory: str | None = None) -> "Client":
    """Return a Dask client with worker processes on this machine.

    The same client comes back until it is closed. Scheduler and workers speak TLS with certificates made
    for this one cluster: whoever reaches a Dask scheduler without runs code as its owner. There is no
    dashboard.

    Parameters
    ----------
    workers
        Worker processes, each with one thread. By default ``TRADEWIND_DASK_WORKERS``, else one a core.
    memory
        Limit of one worker, such as ``"2GiB"``. By default ``TRADEWIND_DASK_MEMORY``, else Dask's own.

    Returns
    -------
    distributed.Client
        Close it, or use it in a ``with`` statement, to end the workers.

    Raises
    ------
    InvalidInputError
        There cannot be that number of workers, or a cluster of another size is still open.
    """
    global _current  # noqa: PLW0603  one cluster a process
    wanted = workers if workers is not None else int(os.environ.get(WORKERS) or os.cpu_count() or 1)
    if wanted < 1:
        raise InvalidInputError(f"A cluster cannot have {wanted} workers.", "Ask for one or more.")
    if _current is not None and _current.status == "running":
        have = len(_current.scheduler_info()["workers"])
        if workers is not None and have != workers:
            raise InvalidInputError(
                f"A cluster with {have} workers is open in this process.",
                "Close it first: tw.cluster().close().",
            )
        return _current
    _current = _start(wanted, memory or os.environ.get(MEMORY) or "auto")
    return _current


def _start(workers: int, memory: str) -> "Client":
    import dask
    from distributed import Client, LocalCluster, Security

    # Dask serves facts about itself over plain HTTP even without a dashboard: leave nothing to be served.
    silent: dict[str, list[str]] = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    with dask.config.set(silent):
        workers_and_scheduler: Any = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            host="127.0.0.1",
            protocol="tls://",
            security=Security.temporary(),  # type: ignore[no-untyped-call]
            dashboard_address=None,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        )
    client: Any = Client(workers_and_scheduler)  # type: ignore[no-untyped-call]
    close_client = client.close

    def close(*arguments: Any, **options: Any) -> None:
        close_client(*arguments, **options)
        workers_and_scheduler.close()

    client.close = close  # a client that was given a cluster leaves it running
    found: Client = client
    return found
