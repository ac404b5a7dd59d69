"""Run the service: ``python -m tradewind.service``."""

import logging

import uvicorn

from tradewind.service.app import create_app
from tradewind.settings import load_settings


def main() -> None:
    """Serve on the loopback port that the proxy forwards to."""
    settings = load_settings()
    settings.paths.create()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvicorn.run(
        create_app(settings),
        host="127.0.0.1",
        port=settings.service_port,
        access_log=False,
        server_header=False,
        log_config=None,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
