"""A worker, ``python -m tradewind.jobs.worker``: keeps an engine alive, exchanges it without ending runs.

The keeper is what the supervisor knows. It loads nothing but the standard library and starts the engine as
its child:

- ``SIGHUP`` (``make restart``): a new engine takes over the queue; the old one finishes what it runs, then
ends.
- ``SIGTERM``: engines stop; their runs go back to the queue and start anew elsewhere or later.
- an engine that dies is replaced at once, and the new one is told whose work to take over.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 20.0
DEAD = "TRADEWIND_DEAD_WORKER"
"""Tells a new engine the process id of the one it replaces."""


class Keeper:
    """Starts engines and passes signals on to them."""

    def __init__(self) -> None:
        self.engines: list[subprocess.Popen[bytes]] = []
        self.current: subprocess.Popen[bytes] | None = None
        self.stopping = False
        self.renew = False
        self.pause = 0.0
        self.started = 0.0

    def start(self, dead: int = 0) -> None:
        """Start an engine; it receives a SIGTERM should the keeper die."""
        environment = {**os.environ, DEAD: str(dead) if dead else ""}
        self.started = time.monotonic()
        self.current = subprocess.Popen(
            [sys.executable, "-P", "-m", "tradewind.jobs.worker", "--engine"],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.engines.append(self.current)

    def on_stop(self, *_signal: object) -> None:
        """Pass a stop on."""
        self.stopping = True
        self._send(signal.SIGTERM, self.engines)

    def on_renew(self, *_signal: object) -> None:
        """Note that a new engine is wanted."""
        self.renew = True

    @staticmethod
    def _send(number: int, engines: "list[subprocess.Popen[bytes]]") -> None:
        for engine in engines:
            with contextlib.suppress(ProcessLookupError):
                engine.send_signal(number)

    def turn(self) -> bool:
        """Do what is due; false when everything has ended."""
        if self.renew and not self.stopping:
            self.renew = False
            old = self.current
            self.start()
            if old is not None:
                self._send(signal.SIGUSR1, [old])
        for engine in list(self.engines):
            if engine.poll() is None:
                continue
            self.engines.remove(engine)
            if engine is self.current:
                self.current = None
                if not self.stopping:
                    self._replace(engine)
        return bool(self.engines) or not self.stopping

    def _replace(self, gone: "subprocess.Popen[bytes]") -> None:
        steady = time.monotonic() - self.started > _STEADY_SECONDS
        self.pause = 0.0 if steady else min(max(1.0, self.pause * 2), _LONGEST_PAUSE)
        sys.stderr.write(
            f"worker: engine {gone.pid} ended with {gone.returncode}; next one in {self.pause:.0f} s\n"
        )
        until = time.monotonic() + self.pause
        while time.monotonic() < until and not self.stopping:
            time.sleep(0.1)
        if not self.stopping:
            self.start(gone.pid)


def die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the keeper dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == 1:
        os.kill(os.getpid(), signal.SIGTERM)


def run_engine() -> None:
    """Be the engine."""
    die_with_parent()
    import logging

    from tradewind.jobs import engine

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    engine.main(os.environ.pop(DEAD, ""))


def main() -> None:
    """Be the keeper."""
    keeper = Keeper()
    signal.signal(signal.SIGTERM, keeper.on_stop)
    signal.signal(signal.SIGINT, keeper.on_stop)
    signal.signal(signal.SIGHUP, keeper.on_renew)
    keeper.start()
    while keeper.turn():
        time.sleep(0.2)


if __name__ == "__main__":
    run_engine() if "--engine" in sys.argv else main()
