"""The server's side of the zygote: starts it when the server is ready, asks it for kernels."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

SWITCH = "TRADEWIND_WARM_KERNELS"
"""Set to 1 in sandboxes of users' servers, unless a setting says otherwise."""
KERNEL_PYTHON = "TRADEWIND_KERNEL_PYTHON"
FEW_CORES = 2
SOON, LATER = 0.5, 6.0
"""Seconds after which the warming begins."""
CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"
"""The events of folders that are listed and notebooks that are read."""
READY_SECONDS = 15.0
"""How long a kernel waits for a zygote that is still warming up: less long than it would need alone."""


def kernel_python() -> str:
    """Return the interpreter for kernels: the user's layer where there is one."""
    own = os.environ.get(KERNEL_PYTHON, "")
    return own if own and Path(own).exists() else sys.executable


class Warm:
    """One zygote and the kernels that came from it; one of these a server."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._ready: asyncio.Future[bool] | None = None
        self._asked: list[asyncio.Future[int]] = []
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._broken = False
        self._starting = False

    async def start(self, environment: dict[str, str] | None = None) -> None:
        """Start the zygote unless it is there; returns at once, the warming goes on.

        Parameters
        ----------
        environment
            What modules see that read it when imported; kernels get their own later.
        """
        if self._writer is not None or self._starting:
            return
        self._starting = True  # asked again while this one connects, there would be two
        try:
            await self._launch(environment)
        finally:
            self._starting = False

    async def _launch(self, environment: dict[str, str] | None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220  returns at once
                [kernel_python(), "-P", "-m", "tradewind.kernel.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "PANEL_INLINE": "true",
                    "BOKEH_RESOURCES": "inline",
                    **(environment or {}),
                },
                start_new_session=True,
            )
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._ready = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._listen(reader, process))

    async def _listen(self, reader: asyncio.StreamReader, process: "subprocess.Popen[bytes]") -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self._heard(json.loads(line))
        # The zygote is gone: what it was asked for fails, and what it forked is no longer known.
        writer, self._writer = self._writer, None
        if self._ready and not self._ready.done():
            self._broken = True  # it never got ready: another one would not either
            self._ready.set_result(False)
        for waiting in (*self._asked, *self._ends.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionError("the zygote is gone"))
                waiting.exception()
        self._asked.clear()
        self._ends.clear()
        if writer:
            writer.close()
        await asyncio.to_thread(process.wait)

    def _heard(self, words: dict[str, int]) -> None:
        if "ready" in words and self._ready:
            self._ready.set_result(True)
        elif "exit" in words:
            end = self._ends.pop(words["pid"], None)
            if end and not end.done():
                end.set_result(words["exit"])
        elif "pid" in words:
            # Registered here, because the news of its end may be in the same packet.
            self._ends[words["pid"]] = asyncio.get_running_loop().create_future()
            asked = self._asked.pop(0)
            if asked.done():  # given up: the kernel was started the plain way, and this one has its address
                with contextlib.suppress(ProcessLookupError):
                    os.kill(words["pid"], signal.SIGKILL)
            else:
                asked.set_result(words["pid"])

    async def fork(self, argv: list[str], cwd: str, env: dict[str, str]) -> tuple[int, "asyncio.Future[int]"]:
        """Return the process id of a new kernel, and what its exit code will be.

        Raises
        ------
        ConnectionError
            There is no zygote, or it does not get ready: start the kernel the plain way.
        """
        if self._writer is None or self._ready is None:
            raise ConnectionError("no zygote")
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(READY_SECONDS):
            if not await asyncio.shield(self._ready) or self._writer is None:
                raise ConnectionError("the zygote is gone")
            self._asked.append(asked)
            self._writer.write(json.dumps({"argv": argv, "cwd": cwd, "env": env}).encode() + b"\n")
            pid = await asked
        return pid, self._ends[pid]

    async def revive(self) -> None:
        """Start it again after it has given its memory back, where one is wanted; for the kernels to come."""
        if os.environ.get(SWITCH) == "1" and not self._broken:
            await self.start()

    async def close(self) -> None:
        """Let the zygote go."""
        if self._writer:
            self._writer.close()
        if self._task:
            await self._task


warm = Warm()
"""The zygote of this process."""


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "tradewind.kernel.warm"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Warm up once somebody is there: Lab lists files as soon as it is on screen.

    A server without a visitor stays small. Where there are no more than two cores, the browser that loads
    Lab, the server that gives it out and the warming would share them: it then begins a little later, or when
    a notebook is read, which a kernel will soon be asked for.
    """
    if os.environ.get(SWITCH) != "1":
        return
    patience = LATER if len(os.sched_getaffinity(0)) <= FEW_CORES else SOON
    seen: set[float] = set()

    def begin() -> None:
        asyncio.create_task(warm.start())  # noqa: RUF006  the loop holds it: it ends at once

    async def opened(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") != "get":
            return
        wait = SOON if str(data.get("path", "")).endswith(".ipynb") else patience
        if wait not in seen:
            seen.add(wait)
            server.io_loop.call_later(wait, begin)
        if SOON in seen:
            server.event_logger.remove_listener(schema_id=CONTENTS, listener=opened)

    server.event_logger.add_listener(schema_id=CONTENTS, listener=opened)
