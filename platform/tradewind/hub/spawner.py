"""Starts users' servers in sandboxes: on a Unix socket, alive without the hub, found again by a new one."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from tornado.web import HTTPError

from tradewind.errors import TradewindError
from tradewind.kernel.singleuser import LISTEN_FD
from tradewind.sandbox import ProcessId, Sandbox, check_may_start, home_name, socket_name, wait_first_process
from tradewind.sandbox.datasets import dataset_folders
from tradewind.sandbox.files import read_beneath
from tradewind.sandbox.storekey import StoreKey
from tradewind.settings import REPOSITORY, Settings, load_settings
from tradewind.store.access import readable

QUICKSTART = "Quickstart.ipynb"
QUICKSTART_PAGE = f"/lab/tree/{QUICKSTART}"
SEEDS = (
    (REPOSITORY / "notebooks" / "templates" / "quickstart.ipynb", QUICKSTART),
    # A link: Lab's launcher offers copies of what this installation ships today.
    (REPOSITORY / "notebooks" / "templates", "templates"),
)
"""Put into a home once."""
SERVER_CONFIG = Path(__file__).parents[1] / "kernel" / "server"
LOG = ".tradewind/server.log"
SOCKET_PATH_LIMIT = 107
PORT = 8888
"""What a server on a Unix socket must be told so that it does not refuse."""
STOP_SECONDS = 10.0
_PAUSE = 0.025


def socket_url(path: Path) -> str:
    """Return the URL of a Unix socket as the hub and its proxy understand it.

    The hub lower-cases a URL's host: upper-case letters of the path are written as numbers.
    """
    kept = b"abcdefghijklmnopqrstuvwxyz0123456789-._"
    return "http+unix://" + "".join(chr(b) if b in kept else f"%{b:02x}" for b in os.fsencode(path))


def listening(path: Path) -> socket.socket:
    """Return a socket that listens at a place nobody else may connect to."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.bind(str(path))
    path.chmod(0o600)
    found.listen(128)
    return found


class TradewindSpawner(LocalProcessSpawner):  # type: ignore[misc]
    """A user's server as a sandboxed process.

    No account on the machine is needed. What is remembered of a server is the first process inside its
    sandbox, by number and start time, so that a restarted hub finds it and never takes another process for
    it.
    """

    first: ProcessId | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.cmd = [sys.executable, "-I", "-m", "tradewind.kernel.singleuser"]
        self.set_trait("env_keep", [])
        self.port = PORT

    @cached_property
    def settings(self) -> Settings:
        """The settings of this installation."""
        return load_settings()

    @property
    def key(self) -> str:
        """The name of this server's folder for sockets."""
        return socket_name(self.user.name, self.name)

    @property
    def socket_dir(self) -> Path:
        """The folder with this server's socket, which no sandbox sees: the server inherits it, listening."""
        return self.settings.paths.runtime / "servers" / self.key

    @property
    def home(self) -> Path:
        """The user's home."""
        return self.settings.paths.user_home(home_name(self.user.name))

    def datasets(self) -> list[str]:
        """Return the shared datasets this user may read now."""
        groups = [group.name for group in self.user.groups]
        return readable(self.settings, self.user.name, groups, admin=bool(self.user.admin))

    def sandbox(self) -> Sandbox:
        """Return the sandbox of this server."""
        folders = self.settings.store.startswith("file://")
        groups = tuple(group.name for group in self.user.groups)
        return Sandbox.for_user(
            self.settings,
            self.user.name,
            datasets=dataset_folders(self.settings, self.datasets()) if folders else (),
            reader=StoreKey(user=self.user.name, groups=groups, admin=bool(self.user.admin)),
            seeds=SEEDS,
            output=LOG,
            die_with_parent=False,
            grace=STOP_SECONDS,
        )

    def first_page(self) -> str:
        """Return the page a server opens with: as configured, or the quick start unless it was removed."""
        if self.default_url not in ("", QUICKSTART_PAGE):
            return str(self.default_url)
        seeded = (self.home / ".tradewind" / "seeded" / QUICKSTART).exists()
        there = (self.home / QUICKSTART).is_file() if seeded else SEEDS[0][0].is_file()
        return QUICKSTART_PAGE if there else "/lab"

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Leave the environment: there is no account to take anything from."""
        return env

    def environment_of(self, box: Sandbox) -> dict[str, str]:
        """Return the environment of a server."""
        hub: Mapping[str, str] = self.get_env()
        own = box.home_inside / ".tradewind"
        return {
            **box.environ(),
            **hub,
            "JUPYTERHUB_ROOT_DIR": str(box.home_inside),
            "JUPYTERHUB_DEFAULT_URL": self.first_page(),
            "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
            "JUPYTERHUB_SINGLEUSER_EXTENSION": "1",
            "JUPYTER_CONFIG_DIR": str(SERVER_CONFIG),
            "TRADEWIND_WARM_KERNELS": str(int(self.settings.warm_kernels)),
            "JUPYTERLAB_SETTINGS_DIR": str(own / "lab" / "user-settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(own / "lab" / "workspaces"),
        }

    async def start(self) -> str:
        """Start the server; return where it listens once it answers."""
        try:
            check_may_start(self.settings, self.user.name)
            self._end_leftover()
            place = self._prepare_socket()
            box = self.sandbox()
        except TradewindError as problem:
            raise self._refusal(str(problem)) from problem
        arguments = ["--ServerApp.sock=inherited"]
        if not box.isolated and os.getuid() == 0:
            arguments.append("--allow-root")
        command = box.command([*self.cmd, *self.get_args(), *arguments])
        with listening(place) as listener, (self.socket_dir.parent / f"{self.key}.log").open("wb") as log:
            environment = {**self.environment_of(box), LISTEN_FD: str(listener.fileno())}
            self.proc = await asyncio.to_thread(
                subprocess.Popen,
                command,
                env=environment,
                pass_fds=[listener.fileno()],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.first = await asyncio.to_thread(wait_first_process, self.proc.pid)
        if self.first:
            self.pid = self.first.pid
            self._leftover.write_text(f"{self.first.pid} {self.first.started}")
        await self._wait_until_it_answers(place)
        return socket_url(place)

    def _prepare_socket(self) -> Path:
        folder = self.socket_dir
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        place = folder / "s.sock"
        if len(str(place)) + len(f":{PORT}") > SOCKET_PATH_LIMIT:
            raise self._refusal(
                f"{folder} is too long a path for a socket: set TRADEWIND_RUNTIME to a short one."
            )
        # The proxy takes the port the hub adds to a socket's URL for a part of the path.
        (folder / "s.sock:80").symlink_to("s.sock")
        return place

    @property
    def _leftover(self) -> Path:
        return self.socket_dir.parent / f"{self.key}.pid"

    def _end_leftover(self) -> None:
        """End a server that a hub started and was killed before it could remember it."""
        with contextlib.suppress(OSError, ValueError):
            pid, started = self._leftover.read_text().split()
            if ProcessId(int(pid), int(started)).signal(signal.SIGKILL):
                self.log.warning("Ended a forgotten server of %s", self._log_name)

    async def _wait_until_it_answers(self, place: Path) -> None:
        # The hub's own waiting starts with long pauses; ours sees the server, and its death, at once.
        base = self.server.base_url if self.server else "/"
        request = f"GET {base}api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        while await self.poll() is None:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(str(place))
                try:
                    writer.write(request)
                    answer = await reader.readline()
                finally:
                    writer.close()
                if answer.startswith(b"HTTP/1.1 200"):
                    return
            await asyncio.sleep(_PAUSE)
        raise self._refusal(f"The server ended before it was ready. {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what a server wrote, for an error message."""
        words = b""
        with contextlib.suppress(OSError):
            words = (self.socket_dir.parent / f"{self.key}.log").read_bytes()
        with contextlib.suppress(OSError, TradewindError):
            words += read_beneath(self.home, LOG)
        return words[-600:].decode(errors="replace").strip()

    def _refusal(self, message: str) -> HTTPError:
        problem = HTTPError(403, message, reason="The server cannot start")
        vars(problem)["jupyterhub_message"] = message
        return problem

    def get_state(self) -> dict[str, Any]:
        """Return what a restarted hub needs to find the server."""
        state: dict[str, Any] = super().get_state()
        if self.first:
            state |= {"pid": self.first.pid, "started": self.first.started}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the server again."""
        super().load_state(state)
        if "started" in state:
            self.first = ProcessId(int(state["pid"]), int(state["started"]))

    def clear_state(self) -> None:
        """Forget the server."""
        super().clear_state()
        self.first = None

    async def poll(self) -> int | None:
        """Return none while the server lives, else its exit code as far as it is known."""
        if self.first and self.first.alive:
            return None
        status: int | None = 0
        if self.proc is not None:
            # Between the end inside and the end of what was started lies a moment.
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.proc.wait(0 if self.first is None else 1)
                self.set_trait("proc", None)
            if self.first is None and self.proc is not None:
                return None
        self.clear_state()
        return status or 0

    async def stop(self, now: bool = False) -> None:
        """Stop the server and with it every process in its sandbox."""
        first = self.first
        if first is None:
            if self.proc is not None:
                self.proc.kill()
            return
        first.signal(signal.SIGKILL if now else signal.SIGTERM)
        for seconds in (STOP_SECONDS + 2, 5.0):
            deadline = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < deadline:
                if not first.alive:
                    await self.poll()
                    self._leftover.unlink(missing_ok=True)
                    return
                await asyncio.sleep(_PAUSE)
            first.signal(signal.SIGKILL)
        self.log.error("Process %s of %s does not end", first.pid, self._log_name)
