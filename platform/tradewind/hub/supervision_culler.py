"""Stop idle servers: jupyterhub-idle-culler with its token from the secrets folder."""

import os
import time
from http import HTTPStatus

from jupyterhub_idle_culler import IdleCuller

from tradewind.hub.supervision_watch import ask
from tradewind.settings import Settings, load_settings


def arguments(settings: Settings) -> list[str]:
    """Return the culler's command line.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    every = max(10, min(300, settings.idle_timeout // 2))
    url = f"http://127.0.0.1:{settings.hub_port}{settings.base_url.rstrip('/')}/hub/api"
    return [f"--url={url}", f"--timeout={settings.idle_timeout}", f"--cull-every={every}", "--concurrency=5"]


def main() -> None:
    """Run until stopped."""
    settings = load_settings()
    # Both start at once, and a first look at a hub that is not there yet would fill the log.
    health = f"{settings.base_url.rstrip('/')}/hub/health"
    while ask(settings.hub_port, "GET", health, "")[0] != HTTPStatus.OK:
        time.sleep(1)
    # Set here, not by the supervisor: an environment changed from inside does not show in /proc.
    os.environ["JUPYTERHUB_API_TOKEN"] = settings.paths.secret("culler")
    IdleCuller.launch_instance(argv=arguments(settings))


if __name__ == "__main__":
    main()
