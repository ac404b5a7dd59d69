"""Starting sandboxes and a gateway by hand."""

import subprocess
import sys
import time
from collections.abc import Callable

from tradewind.sandbox import Sandbox
from tradewind.settings import Settings

type Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs a program in a user's sandbox to its end."""


def start_gateway(settings: Settings, **more: str) -> "subprocess.Popen[bytes]":
    """Start the gateway as the supervisor does, and wait until it listens."""
    environment = {
        "TRADEWIND_HOME": str(settings.paths.home),
        "TRADEWIND_RUNTIME": str(settings.paths.runtime),
        "TRADEWIND_PORT": str(settings.port),
        **more,
    }
    socket = settings.paths.runtime / "gateway" / "egress.sock"
    socket.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-P", "-m", "tradewind.hub.gateway"], env=environment)
    deadline = time.monotonic() + 20
    while not socket.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


def run_box(box: Sandbox, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program in a sandbox to its end."""
    return subprocess.run(
        box.command(argv),
        env=box.environ(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
