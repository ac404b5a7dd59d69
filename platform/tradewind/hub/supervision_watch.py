"""Give the proxy its routes back: a proxy that has restarted knows none.

A small loop beside the hub. It asks the proxy for its routes, and when the hub's own are missing while the
hub answers, tells the hub to write them all again. It uses the standard library only, to stay small.
"""

import json
import logging
import time
from http.client import HTTPConnection, HTTPException
from typing import Any

from tradewind.settings import Settings, load_settings

EVERY_SECONDS = 1.0

log = logging.getLogger("tradewind.watch")


def ask(port: int, method: str, path: str, token: str, *, seconds: float = 10.0) -> tuple[int, Any]:
    """Send one request to a program of the platform on this machine.

    Parameters
    ----------
    port
        Its loopback port.
    method
        HTTP method.
    path
        Path from the root.
    token
        What to authorise with.
    seconds
        How long to wait.

    Returns
    -------
    tuple of int and object
        The status and the decoded answer (None when it is not JSON); status 0 when nothing answers.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, headers={"Authorization": f"token {token}"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException):
        return 0, None
    finally:
        connection.close()
    try:
        return answer.status, json.loads(body)
    except ValueError:
        return answer.status, None


def knows_the_hub(routes: Any) -> bool:
    """Say whether a proxy's routes hold those that the hub writes.

    Parameters
    ----------
    routes
        The answer of the proxy's ``/api/routes``.
    """
    return isinstance(routes, dict) and any(route.get("hub") for route in routes.values())


def check(settings: Settings) -> bool:
    """Look once; ask the hub to write the routes again where they are missing.

    Parameters
    ----------
    settings
        The installation's settings.

    Returns
    -------
    bool
        Whether proxy and hub answer and the routes are there.
    """
    status, routes = ask(settings.proxy_api_port, "GET", "/api/routes", settings.paths.secret("proxy"))
    if status != 200:
        return False
    if knows_the_hub(routes):
        return True
    prefix = settings.base_url.rstrip("/")
    status, _ = ask(
        settings.hub_port, "POST", f"{prefix}/hub/api/proxy", settings.paths.secret("ops"), seconds=60
    )
    if status in (200, 201, 202, 204):
        log.info("the proxy had no routes; the hub has written them again")
        return True
    return False


def main() -> None:
    """Run until stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    while True:
        check(settings)
        time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
