"""A user's server, started lean: ``python -I -m tradewind.kernel.singleuser``.

It is JupyterHub's single-user server without three things that a start pays for and a server never uses.
Each is replaced by something that says the same, so that a new version that needs more fails at once and in
a test:

- ``jsonschema`` compiles a grammar of internationalised addresses (1.1 s); no schema of Jupyter's has such
a field. - ``jupyterhub.log`` imports the hub's own handlers, with SQLAlchemy and Alembic, to know two names
(0.5 s, 25 MB). - JupyterLab asks Yarn for its configuration at import, by starting Node.js (0.4 s); only
building uses it.
"""

import os
import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

LISTEN_FD = "TRADEWIND_LISTEN_FD"
"""Number of the inherited socket that the server listens on."""


class HealthCheckHandler:
    """Stands for the hub's handler whose requests are not logged; a user's server has none."""


def prometheus_log_method(handler: Any) -> None:
    """Stand for the hub's metrics, which a user's server does not serve."""


def stand_in(name: str, **names: Any) -> None:
    """Register a module that holds the given names and nothing else."""
    module = ModuleType(name)
    vars(module).update(names)
    sys.modules[name] = module


def lighten() -> None:
    """Keep what a server never uses from being imported."""
    missing: Any = None  # to Python, a module that is not installed
    sys.modules["rfc3987_syntax"] = missing
    stand_in("jupyterhub.handlers", __path__=[])
    stand_in("jupyterhub.handlers.pages", HealthCheckHandler=HealthCheckHandler)
    stand_in("jupyterhub.metrics", prometheus_log_method=prometheus_log_method)
    from jupyterlab import commands

    nothing: Callable[[Any], dict[str, dict[str, Any]]] = lambda logger: {  # noqa: E731
        "yarn config": {},
        "npm config": {},
    }
    commands._yarn_config = nothing


def listen_on(fd: int) -> None:
    """Have the server take connections from a socket its starter listens on already.

    The socket's place is then out of the sandbox's reach. One that the sandbox made itself could be exchanged
    for a link to another socket of the machine, and the proxy would follow it.
    """
    from jupyter_server import serverapp

    def given(path: str, **options: Any) -> socket.socket:
        found = socket.socket(fileno=fd)
        found.setblocking(False)
        return found

    vars(serverapp)["bind_unix_socket"] = given


def main() -> None:
    """Run the server."""
    lighten()
    listen_on(int(os.environ.pop(LISTEN_FD)))
    from jupyterhub.singleuser.extension import main as run

    run()


if __name__ == "__main__":
    main()
