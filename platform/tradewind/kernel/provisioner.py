"""How Jupyter starts a Tradewind kernel: forked from the warm process, else as a process of its own."""

import asyncio
import contextlib
import os
import signal
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tradewind.kernel.warm import kernel_python, warm


class TradewindProvisioner(LocalProvisioner):
    """Starts kernels with the user's own packages in reach, and quickly where a zygote is warm."""

    forked: "asyncio.Future[int] | None" = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel was started and not yet collected."""
        return self.forked is not None or super().has_process

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel."""
        env = {str(k): str(v) for k, v in (kwargs.get("env") or os.environ).items()}
        try:
            arguments = cmd[cmd.index("-f") :]
            cwd = str(kwargs.get("cwd") or os.getcwd())  # noqa: PTH109
            self.pid, self.forked = await warm.fork(arguments, cwd, env)
            self.pgid, self.cwd = self.pid, cwd
        except (ConnectionError, TimeoutError, ValueError):
            self.forked = None
            info = await super().launch_kernel([kernel_python(), *cmd[1:]], **kwargs)
            await warm.revive()
            return info
        return self.connection_info

    async def poll(self) -> int | None:
        """Return the exit code of the kernel, none while it lives."""
        if self.forked is None:
            return await super().poll()
        if not self.forked.done():
            return None
        return 1 if self.forked.exception() else self.forked.result()

    async def wait(self) -> int | None:
        """Wait for the end of the kernel."""
        if self.forked is None:
            return await super().wait()
        with contextlib.suppress(ConnectionError):
            await asyncio.shield(self.forked)
        code = await self.poll()
        self.forked = None
        return code

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel and what it has started."""
        if self.forked is None:
            await super().send_signal(signum)
        elif not self.forked.done() and self.pid:
            with contextlib.suppress(ProcessLookupError):
                # Until it has made a group of its own, the process itself is all there is.
                try:
                    os.killpg(self.pid, signum)
                except ProcessLookupError:
                    os.kill(self.pid, signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel."""
        if self.forked is None:
            await super().kill(restart)
        else:
            await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel to end."""
        if self.forked is None:
            await super().terminate(restart)
        else:
            await self.send_signal(signal.SIGTERM)
