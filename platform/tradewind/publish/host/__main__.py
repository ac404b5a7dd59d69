"""Run the dashboard host: ``python -m tradewind.publish.host``."""

import logging

from aiohttp import web

from tradewind.publish.host.app import Host
from tradewind.settings import load_settings


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    settings.paths.create()
    host = Host(settings)
    web.run_app(
        host.application(),
        host="127.0.0.1",
        port=settings.dashboards_port,
        access_log=None,
        shutdown_timeout=5,
        print=lambda _text: None,
    )


if __name__ == "__main__":
    main()
