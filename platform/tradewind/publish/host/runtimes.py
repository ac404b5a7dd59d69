"""The processes that serve dashboards: started on demand, watched, culled when nobody looks."""

import asyncio
import contextlib
import itertools
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import aiohttp

from tradewind.errors import TradewindError, UnavailableError
from tradewind.publish import api, bundle
from tradewind.publish.host.launch import Launch, prepared
from tradewind.publish.model import Dashboard
from tradewind.sandbox import PinnedSocket, kill, terminate
from tradewind.settings import Settings

log = logging.getLogger("tradewind.dashboards")

START_SECONDS = 90.0
RETRY_SECONDS = 10.0
"""A dashboard that failed is not started again by the next visit before this."""
OLD_VERSION_SECONDS = 60.0
END_SECONDS = 1.0
"""How long the answers of a process that has ended have to end themselves."""
MOST = 24
"""The most processes; the one unused for longest makes room."""
LOG_TAIL = 6000


class State(StrEnum):
    """Where a process stands."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(kw_only=True, eq=False)
class Process:
    """The process of one dashboard version."""

    slug: str
    version: int
    owner: str
    work: Path
    log_path: Path
    state: State = State.STARTING
    reason: str = ""
    datasets: tuple[Path, ...] = ()
    launch: Launch | None = None
    manifest: bundle.Manifest | None = None
    client: aiohttp.ClientSession | None = None
    pinned: PinnedSocket | None = None
    child: asyncio.subprocess.Process | None = None
    started: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    connections: int = 0
    requests: set[asyncio.Task[object]] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def become(self, state: State, reason: str = "") -> None:
        """Change state and wake whoever waits."""
        self.state, self.reason = state, reason
        self.changed.set()

    def log_tail(self) -> str:
        """Return the end of what the process has written."""
        try:
            with self.log_path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - LOG_TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


Datasets = Callable[[str], Awaitable[list[Path]]]


class Runtimes:
    """All processes of this host.

    Parameters
    ----------
    settings
        The installation.
    datasets
        Says which dataset folders a user may read.
    """

    def __init__(self, settings: Settings, datasets: Datasets) -> None:
        self._settings = settings
        self._datasets = datasets
        self._processes: dict[tuple[str, int], Process] = {}
        self._starts = asyncio.Semaphore(2)
        self._numbers = itertools.count(1)
        self._ending: set[asyncio.Task[None]] = set()

    def ensure(self, dashboard: Dashboard, *, again: bool = False) -> Process:
        """Return the process of a dashboard's newest version, starting it if need be; does not wait."""
        key = (dashboard.slug, dashboard.version)
        process = self._processes.get(key)
        stale = process is not None and (
            process.state is State.STOPPED
            or process.owner != dashboard.owner
            or (process.state is State.FAILED and (again or time.monotonic() - process.used > RETRY_SECONDS))
        )
        if process is not None and stale:
            self._retire(process)
            process = None
        if process is None:
            self._make_room()
            process = Process(
                slug=dashboard.slug,
                version=dashboard.version,
                owner=dashboard.owner,
                work=self._settings.paths.runtime
                / "d"
                / f"{bundle.short(dashboard.slug)}-{next(self._numbers)}",
                log_path=self._settings.paths.logs
                / "dashboards"
                / f"{dashboard.slug}-v{dashboard.version}.log",
            )
            self._processes[key] = process
            process.task = asyncio.create_task(
                self._run(process, dashboard), name=f"runtime {dashboard.slug}"
            )
        process.used = time.monotonic() if process.state is not State.FAILED else process.used
        return process

    def find(self, slug: str, version: int) -> Process | None:
        """Return the process of a version, if there is one."""
        return self._processes.get((slug, version))

    async def ready(self, process: Process) -> None:
        """Wait until a process answers.

        Raises
        ------
        UnavailableError
            It failed, or takes too long.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.changed.wait(), START_SECONDS)
        if process.state is not State.READY:
            raise UnavailableError(f"The dashboard {process.slug!r} is not running.", "Open its page again.")

    async def _run(self, process: Process, dashboard: Dashboard) -> None:
        try:
            async with self._starts:
                child = await self._start(process, dashboard)
            await child.wait()
            if process.state is State.READY:
                log.info("%s v%d ended with %s", process.slug, process.version, child.returncode)
                process.become(State.STOPPED, f"It ended (exit code {child.returncode}).")
        except (TradewindError, OSError) as problem:
            log.warning("%s v%d did not start: %s", process.slug, process.version, problem)
            process.become(State.FAILED, str(problem))
            process.used = time.monotonic()
        finally:
            await self._clean(process)

    async def _start(self, process: Process, dashboard: Dashboard) -> asyncio.subprocess.Process:
        folder = bundle.folder_of(self._settings, process.slug, process.version)
        process.manifest = manifest = await asyncio.to_thread(bundle.verify, folder)
        process.datasets = datasets = tuple(await self._datasets(process.owner))
        await asyncio.to_thread(shutil.rmtree, process.work, True)  # a scratch home starts empty
        process.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            prepared(self._settings, slug=process.slug, owner=process.owner, bundle=folder, manifest=manifest,
                     work=process.work, datasets=datasets) as launch,
            process.log_path.open("wb") as output,
        ):  # fmt: skip
            child = process.child = await asyncio.create_subprocess_exec(
                *launch.command,
                env=launch.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=launch.files,
                start_new_session=True,
            )
        process.launch = launch
        deadline = time.monotonic() + START_SECONDS
        while not await _answers(launch.socket):
            if child.returncode is not None:
                raise UnavailableError(f"It ended while starting (exit code {child.returncode}).")
            if time.monotonic() > deadline:
                raise UnavailableError(f"It did not answer within {START_SECONDS:.0f} seconds.")
            await asyncio.sleep(0.05)
        # What answered is held: the author's code could put a link to another socket in its place.
        process.pinned = PinnedSocket(launch.socket)
        process.client = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=process.pinned.path, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )
        process.become(State.READY)
        log.info(
            "%s v%d ready after %.1f s", process.slug, process.version, time.monotonic() - process.started
        )
        return child

    async def _clean(self, process: Process) -> None:
        if process.requests:
            # Their connections have ended, or will now; once the client is closed, nobody would tell them.
            await asyncio.wait(process.requests, timeout=END_SECONDS)
            for request in list(process.requests):
                request.cancel()
        if process.client:
            await process.client.close()
        if process.pinned:
            process.pinned.close()
        child = process.child
        if child and child.returncode is None:
            kill(child.pid)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        await asyncio.to_thread(shutil.rmtree, process.work, True)

    def _forget(self, process: Process) -> None:
        if self._processes.get((process.slug, process.version)) is process:
            del self._processes[process.slug, process.version]

    async def stop(self, process: Process) -> None:
        """End a process and everything in its sandbox."""
        self._forget(process)
        process.become(State.STOPPED, "It was stopped.")
        child, task = process.child, process.task
        if child and child.returncode is None and not terminate(child.pid):
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        if task:
            done, _ = await asyncio.wait([task], timeout=5)
            if not done:
                task.cancel()  # its end kills what is left
                await asyncio.wait([task], timeout=5)

    def _make_room(self) -> None:
        if len(self._processes) < MOST:
            return
        idle = [p for p in self._processes.values() if not p.connections]
        if idle:
            self._retire(min(idle, key=lambda p: p.used))

    def _retire(self, process: Process) -> None:
        self._forget(process)
        ending = asyncio.create_task(self.stop(process))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def cull(self) -> None:
        """Stop what nobody looks at, what is no longer the newest version, and what was removed."""
        newest = {d.slug: d for d in await asyncio.to_thread(api.list_all, self._settings)}
        now, timeout = time.monotonic(), self._settings.dashboard_idle_timeout
        for process in list(self._processes.values()):
            dashboard, idle = newest.get(process.slug), now - process.used
            if dashboard is None or process.owner != dashboard.owner:
                await self.stop(process)
                continue
            lost, gained = await self._changed(process)
            if lost:
                await self.stop(process)
            elif process.connections:
                process.used = now
            elif process.version != dashboard.version or gained:
                if idle > OLD_VERSION_SECONDS:
                    await self.stop(process)
            elif process.state is State.READY and timeout and idle > timeout:
                log.info("%s v%d culled: nobody looks at it", process.slug, process.version)
                await self.stop(process)

    async def _changed(self, process: Process) -> tuple[bool, bool]:
        """Whether the owner may no longer read a dataset that the process can, and whether one has come."""
        if process.state is not State.READY:
            return False, False
        try:
            now = set(await self._datasets(process.owner))
        except UnavailableError:  # the hub is restarting
            return False, False
        return bool(set(process.datasets) - now), bool(now - set(process.datasets))

    async def close(self) -> None:
        """End every process."""
        await asyncio.gather(*(self.stop(process) for process in list(self._processes.values())))


async def _answers(socket: Path) -> bool:
    try:
        pinned = PinnedSocket(socket)
    except TradewindError:
        return False
    try:
        _, writer = await asyncio.open_unix_connection(pinned.path)
    except OSError:
        return False
    finally:
        pinned.close()
    writer.close()
    return True
