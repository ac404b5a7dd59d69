"""The sandbox as pure data, and the bubblewrap command line it becomes."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tradewind.sandbox import environment as variables
from tradewind.sandbox import places, storekey
from tradewind.sandbox.limits import Limits, limit_command, parse_memory
from tradewind.sandbox.names import (
    EGRESS_PORTS,
    GATEWAY_INSIDE,
    LAYER_SITE,
    S3_PORTS,
    SOCKETS_INSIDE,
    STORE_INSIDE,
    home_name,
)
from tradewind.sandbox.prepare import Plan
from tradewind.sandbox.probe import Mode, available, mode
from tradewind.sandbox.storekey import StoreKey
from tradewind.settings import Network, Settings

SHIM = Path(__file__).with_name("shim.py")
_EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True)
class Bind:
    """One more folder or file to show inside.

    Parameters
    ----------
    source
        Its place on this machine.
    target
        Its place inside; without isolation there is only ``source``.
    writable
        Whether it may be changed from inside.
    """

    source: Path
    target: Path
    writable: bool = False

    @property
    def descriptor(self) -> int | None:
        """The inherited descriptor that a source ``/proc/self/fd/N`` means."""
        parent, _, number = str(self.source).rpartition("/")
        return int(number) if parent == "/proc/self/fd" else None

    @classmethod
    def of_descriptor(cls, descriptor: int, target: Path, *, writable: bool = False) -> Self:
        """Show a folder that is held open, and so cannot be exchanged; the program is started with it."""
        return cls(Path(f"/proc/self/fd/{descriptor}"), target, writable)


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """What one server, run or dashboard may see and use.

    Build it with :meth:`for_user`; start a program with ``Popen(box.command([...]), env=box.environ())``.
    The first process inside is a small shim; when the program ends, everything it left behind ends too.

    Parameters
    ----------
    home
        The user's folder, bound read-write at ``/home/<name>``.
    user
        The hub's user name.
    binds
        More folders to show.
    datasets
        Folders of the shared datasets this user may read, shown read-only at ``/tradewind/store/<name>``.
    socket_dir
        A private folder for the program's own sockets, at ``/run/tradewind``.
    network
        What may be reached.
    gateway
        The folder with the gateway's sockets; none means nothing at all can be reached.
    hub_port, service_port, base_url
        The platform's addresses, kept inside.
    store
        The store's URL when datasets do not lie in folders (S3), or when nothing is isolated.
    environment
        Variables of the program, on top of the usual ones.
    seeds
        Files copied into the home once: source, path below the home.
    hidden
        Folders covered by an empty one should they lie below something shown.
    limits
        Memory, cores, processes.
    die_with_parent
        End with the process that started it. Servers outlive a killed hub, so not they. To the kernel the
        starter is a *thread*: start such a sandbox from one that lives on, not from a pool's.
    grace
        Seconds between a SIGTERM and the end.
    output
        A file below the home that takes what the program writes; it is opened from inside.
    isolated
        Whether bubblewrap is used. If not, the same program runs with the same variables and real paths.
    """

    home: Path
    user: str
    binds: tuple[Bind, ...] = ()
    datasets: tuple[Path, ...] = ()
    socket_dir: Path | None = None
    network: Network = Network.PROXY
    gateway: Path | None = None
    hub_port: int = 0
    service_port: int = 0
    base_url: str = "/"
    store: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    seeds: tuple[tuple[Path, str], ...] = ()
    hidden: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    die_with_parent: bool = True
    grace: float = 10.0
    output: str = ""
    isolated: bool = True

    @classmethod
    def for_user(
        cls,
        settings: Settings,
        user: str,
        *,
        datasets: Sequence[Path] = (),
        environment: Mapping[str, str] = _EMPTY,
        binds: Sequence[Bind] = (),
        seeds: Sequence[tuple[Path, str]] = (),
        socket_dir: Path | None = None,
        home: Path | None = None,
        die_with_parent: bool = True,
        grace: float = 10.0,
        output: str = "",
        reader: StoreKey | None = None,
    ) -> Self:
        """Return the sandbox of a user under the settings of this installation.

        Parameters
        ----------
        settings
            The installation's settings.
        user
            The hub's user name.
        datasets, environment, binds, seeds, socket_dir, die_with_parent, grace, output
            As for the class.
        reader
            Whose grants decide what can be read of a store on S3.
        home
            A folder to use instead of the user's home (dashboards run without their owner's home).

        Raises
        ------
        SetupError
            Isolation is asked for and does not work here.
        """
        paths = settings.paths
        folder = home or paths.user_home(home_name(user))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        local = settings.store.startswith("file://")
        isolated = mode(settings) is Mode.BUBBLEWRAP
        return cls(
            home=folder.resolve(),
            user=user,
            binds=tuple(binds),
            datasets=tuple(datasets),
            socket_dir=socket_dir,
            network=settings.network,
            gateway=paths.runtime / "gateway",
            hub_port=settings.hub_port,
            service_port=settings.service_port,
            base_url=settings.base_url,
            store="" if local and isolated else settings.store,
            environment={**_store_variables(settings, reader, isolated), **environment},
            seeds=tuple(seeds),
            hidden=(paths.home, paths.runtime),
            limits=Limits(memory=parse_memory(settings.memory_limit), cores=settings.cpu_limit),
            die_with_parent=die_with_parent,
            grace=grace,
            output=output,
            isolated=isolated,
        )

    @property
    def home_inside(self) -> Path:
        """The home as the program sees it."""
        if not self.isolated:
            return self.home
        place = Path("/home") / home_name(self.user)
        # A checkout of the operator may lie below a folder of the same name.
        taken = any(p.is_relative_to(place) for p in places.code_paths())
        return Path("/home") / f"{place.name}_" if taken else place

    @property
    def layer_inside(self) -> Path:
        """The virtual environment with the user's own packages, as the program sees it."""
        return self.home_inside / ".tradewind" / "layer"

    @property
    def egress_port(self) -> int:
        """The loopback port of the web proxy inside."""
        return next(p for p in EGRESS_PORTS if p not in (self.hub_port, self.service_port))

    def inside(self, path: Path) -> Path:
        """Return where a path of this machine is found inside.

        Parameters
        ----------
        path
            A path below the home, a bind, the socket folder, a dataset or the platform's code.
        """
        if not self.isolated:
            return path
        shown = [(b.source, b.target) for b in self.binds]
        shown += [(d, STORE_INSIDE / d.name) for d in self.datasets] + [(self.home, self.home_inside)]
        if self.socket_dir:
            shown.append((self.socket_dir, SOCKETS_INSIDE))
        for source, target in shown:
            if path.is_relative_to(source):
                return target / path.relative_to(source)
        return path

    def environ(self) -> dict[str, str]:
        """Return the whole environment to start :meth:`command` with.

        It holds tokens, so it is handed over as an environment and never on a command line.
        """
        home, layer = self.home_inside, self.layer_inside
        found = variables.basic(home=home, user=self.user, layer=layer, layer_site=layer / LAYER_SITE)
        found["TRADEWIND_STORE_URL"] = self.store or f"file://{STORE_INSIDE}"
        if self.isolated:
            found["JUPYTER_RUNTIME_DIR"] = "/run/jupyter"
            if self.gateway and self.network is Network.PROXY:
                found |= variables.proxied(self.egress_port)
        if self.service_port:
            base = self.base_url.rstrip("/")
            root = f"http://127.0.0.1:{self.service_port}{base}"
            found["TRADEWIND_API_URL"] = f"{root}/services/tradewind/api"
        return {**found, **self.environment}

    def command(self, argv: Sequence[str], *, cwd: Path | None = None) -> list[str]:
        """Return the command line that runs a program inside.

        Parameters
        ----------
        argv
            The program and its arguments; ``sys.executable`` is there.
        cwd
            The folder it starts in, as seen inside; the home by default.
        """
        where = cwd or self.home_inside
        if not self.isolated:
            shell = ["/usr/bin/env", "-C", str(where)]
            return limit_command(self.limits, self.user, [*self._shim(), *shell, *argv])
        inner = [*self._bubblewrap(), "--chdir", str(where), "--", *self._shim(), *argv]
        return limit_command(self.limits, self.user, inner)

    def _bubblewrap(self) -> list[str]:
        words = [available().program, "--unshare-user", "--uid", "1000", "--gid", "1000"]
        words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
        words += ["--hostname", "tradewind", "--cap-drop", "ALL", "--new-session", "--as-pid-1"]
        words += ["--die-with-parent"] if self.die_with_parent else []
        words += ["--disable-userns"] if available().can_forbid_namespaces else []
        words += places.system_arguments()
        for path in (*places.code_paths(), *places.pip_folders()):
            words += ["--ro-bind", str(path), str(path)]
        for path in self.hidden:
            if any(path.is_relative_to(p) for p in (Path("/usr"), *places.code_paths())):
                words += ["--tmpfs", str(path)]
        words += ["--bind", str(self.home), str(self.home_inside)]
        for dataset in self.datasets:
            words += ["--ro-bind", str(dataset), str(STORE_INSIDE / dataset.name)]
        if not self.datasets:
            words += ["--dir", str(STORE_INSIDE)]
        if self.socket_dir:
            words += ["--bind", str(self.socket_dir), str(SOCKETS_INSIDE)]
        if self.gateway:
            words += ["--ro-bind-try", str(self.gateway), str(GATEWAY_INSIDE)]
        for bind in self.binds:
            how, source = "--bind" if bind.writable else "--ro-bind", str(bind.source)
            if bind.descriptor is not None:  # bubblewrap closes it: nobody inside can walk out through it
                how, source = f"{how}-fd", str(bind.descriptor)
            words += [how, source, str(bind.target)]
        return words

    def _shim(self) -> list[str]:
        words = [sys.executable, "-I", "-S", str(SHIM), "--grace", str(self.grace)]
        if not self.isolated:
            words += ["--plain"] + (["--bound"] if self.die_with_parent else [])
        elif self.gateway:
            for port, name in self._relays():
                words += ["--relay", str(port), str(GATEWAY_INSIDE / f"{name}.sock")]
        return [*words, "--prepare", json.dumps(self._plan()), "--"]

    def _relays(self) -> list[tuple[int, str]]:
        wanted = [(self.hub_port, "hub"), (self.service_port, "service")]
        if self.network is Network.PROXY:
            wanted.append((self.egress_port, "egress"))
        if self.store.startswith("s3://"):
            wanted.append((_s3_port(self.hub_port, self.service_port), storekey.SOCKET))
        return [(port, name) for port, name in wanted if port]

    def _plan(self) -> Plan:
        own = self.home_inside / ".tradewind"
        runtime = "/run/jupyter" if self.isolated else str(own / "runtime")
        return Plan(
            home=str(self.home_inside),
            layer=str(self.layer_inside),
            layer_site=str(self.layer_inside / LAYER_SITE),
            python=str(places.interpreter()),
            site=str(places.site_packages()),
            constraints=str(own / "constraints.txt"),
            seeds=[(str(source), name) for source, name in self.seeds],
            folders=[str(own / "store"), runtime],
            output=str(self.home_inside / self.output) if self.output else "",
        )


def _s3_port(*taken: int) -> int:
    return next(p for p in S3_PORTS if p not in taken)


def _store_variables(settings: Settings, reader: StoreKey | None, isolated: bool) -> Mapping[str, str]:
    if reader is None:
        return {}
    port = _s3_port(settings.hub_port, settings.service_port)
    return storekey.variables(settings, reader, port=port, isolated=isolated)
