"""Start configurable-http-proxy in this process: ``python -m tradewind.hub.proxy``.

The proxy takes its token from the environment only, so this small launcher reads it from the secrets folder
and becomes the proxy: the token is in the environment of that one process and of nothing else.
"""

import os
from pathlib import Path

from tradewind.hub import node
from tradewind.settings import Settings, load_settings

SOCKETS = Path(__file__).with_name("proxy_sockets.mjs")
"""What the proxy needs beside its own code for servers on Unix sockets."""


def command(settings: Settings) -> list[str]:
    """Return the command line of the proxy, without its token.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    hub = f"http://127.0.0.1:{settings.hub_port}"
    prefix = settings.base_url.rstrip("/")
    argv = [
        str(node.node()), "--import", SOCKETS.as_uri(), str(node.proxy_script()),
        "--ip", settings.bind, "--port", str(settings.port),
        "--api-ip", "127.0.0.1", "--api-port", str(settings.proxy_api_port),
        # Until the hub has given its routes, everything goes to the hub.
        "--default-target", hub,
        "--error-target", f"{hub}{prefix}/hub/error",
        "--log-level", "warn",
    ]  # fmt: skip
    if settings.tls_cert and settings.tls_key:
        argv += ["--ssl-cert", str(settings.tls_cert), "--ssl-key", str(settings.tls_key)]
    return argv


def main() -> None:
    """Become the proxy."""
    settings = load_settings()
    argv = command(settings)
    environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": settings.paths.secret("proxy")}
    os.execve(argv[0], argv, environment)  # noqa: S606  no shell; the proxy replaces this process


if __name__ == "__main__":
    main()
