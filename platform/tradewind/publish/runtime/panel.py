"""Serve one Panel app on a Unix socket: ``python -m tradewind.publish.runtime.panel``.

Runs inside the dashboard's sandbox; see :mod:`tradewind.publish.runtime.voila`.
"""

import argparse
import sys
from pathlib import Path

from panel.command import main as panel_main


def main(argv: list[str]) -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.publish.runtime.panel")
    parser.add_argument("app", type=Path)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--base-url", required=True)
    arguments = parser.parse_args(argv)
    words = ["panel", "serve", str(arguments.app)]
    words += ["--unix-socket", arguments.socket, "--prefix", arguments.base_url.rstrip("/")]
    # The socket is the host's alone, and the host has checked where a request comes from.
    words += ["--allow-websocket-origin", "*", "--keep-alive", "30000"]
    words += ["--unused-session-lifetime", "60000", "--check-unused-sessions", "15000"]
    words += ["--warm", "--use-xheaders"]
    sys.argv = words  # what Panel's command reads
    panel_main()


if __name__ == "__main__":
    main(sys.argv[1:])
