"""First process of a sandbox: relays, reaps, forwards signals, ends everything.

Runs with the standard library alone (``python -I -S shim.py``), because every server, run and dashboard
carries one: what it imports is paid for each time. As PID 1 of a PID namespace its end is the end of every
process in it. Without a namespace (``--plain``) it adopts orphans as a subreaper and kills its descendants
itself.

    shim.py [--plain [--bound]] [--grace SECONDS] [--relay PORT SOCKET]... [--prepare JSON] -- COMMAND...
"""

import contextlib
import errno
import os
import select
import signal
import socket
import sys
import time
from types import FrameType

CHUNK = 65536
RETRY_SECONDS = 15.0
"""How long a connection waits for a gateway that is being restarted."""
RETRY_PAUSE = 0.1
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Pipe:
    """One direction of a relayed connection: what was read from one side and not yet written to the other."""

    __slots__ = ("data", "ended", "shut", "sink", "source")

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.data = b""
        self.ended = False
        self.shut = False

    def read(self) -> None:
        """Take what the source has."""
        try:
            self.data = self.source.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.data = b""
        self.ended = not self.data

    def write(self) -> None:
        """Give the sink what it takes."""
        try:
            self.data = self.data[self.sink.send(self.data) :]
        except BlockingIOError:
            return
        except OSError:
            self.data, self.ended = b"", True

    def finish(self) -> None:
        """Pass the end of the stream on, once."""
        if self.ended and not self.data and not self.shut:
            self.shut = True
            with contextlib.suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)


class Relay:
    """Forwards loopback ports of the private network namespace to Unix sockets of the gateway."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._listeners: dict[int, tuple[socket.socket, str]] = {}
        self._pipes: dict[int, tuple[Pipe, Pipe]] = {}
        self._masks: dict[int, int] = {}
        self._waiting: list[tuple[float, socket.socket, str]] = []

    def listen(self, port: int, path: str) -> None:
        """Accept connections on a loopback port for the socket at ``path``."""
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(128)
        server.setblocking(False)
        self._listeners[server.fileno()] = (server, path)
        self._poll.register(server.fileno(), select.EPOLLIN)

    def watch(self, fd: int) -> None:
        """Wake :meth:`turn` when ``fd`` can be read."""
        self._poll.register(fd, select.EPOLLIN)

    def close(self) -> None:
        """Let go of everything (in the child, before it becomes the command)."""
        for server, _ in self._listeners.values():
            server.close()
        self._poll.close()

    def turn(self, timeout: float) -> None:
        """Wait for something to do, and do it."""
        if self._waiting:
            timeout = RETRY_PAUSE  # and not the caller's, which may be "for ever"
        for fd, _ in self._poll.poll(timeout):
            if fd in self._listeners:
                self._accept(*self._listeners[fd])
            elif fd in self._pipes:
                self._move(fd)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for deadline, client, path in waiting:
                self._connect(deadline, client, path)

    def _accept(self, server: socket.socket, path: str) -> None:
        try:
            client, _ = server.accept()
        except OSError:
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connect(time.monotonic() + RETRY_SECONDS, client, path)

    def _connect(self, deadline: float, client: socket.socket, path: str) -> None:
        gateway = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        gateway.setblocking(False)
        try:
            gateway.connect(path)
        except OSError as problem:
            gateway.close()
            if problem.errno != errno.EACCES and time.monotonic() < deadline:
                self._waiting.append((deadline, client, path))
            else:
                client.close()
            return
        there, back = Pipe(client, gateway), Pipe(gateway, client)
        self._pipes[client.fileno()] = (there, back)
        self._pipes[gateway.fileno()] = (back, there)
        for fd in (client.fileno(), gateway.fileno()):
            self._masks[fd] = select.EPOLLIN
            self._poll.register(fd, select.EPOLLIN)

    def _move(self, fd: int) -> None:
        away, towards = self._pipes[fd]
        for pipe in (away, towards):
            if not pipe.data and not pipe.ended:
                pipe.read()
            if pipe.data:
                pipe.write()
            pipe.finish()
        if away.shut and towards.shut:
            for end in (away.source, away.sink):
                self._want(end.fileno(), 0)
                del self._pipes[end.fileno()], self._masks[end.fileno()]
                end.close()
            return
        for pipe, other in ((away, towards), (towards, away)):
            mask = select.EPOLLIN if not pipe.ended and not pipe.data else 0
            mask |= select.EPOLLOUT if other.data else 0
            self._want(pipe.source.fileno(), mask)

    def _want(self, fd: int, mask: int) -> None:
        # A descriptor that nothing is wanted from leaves the poll: its hang-up would be reported again and
        # again.
        before, self._masks[fd] = self._masks[fd], mask
        if mask == before:
            return
        if not mask:
            self._poll.unregister(fd)
        elif not before:
            self._poll.register(fd, mask)
        else:
            self._poll.modify(fd, mask)


class Reaper:
    """Runs one command, passes signals to it, and knows when it and everything it left behind are gone."""

    def __init__(self, command: list[str], grace: float, plain: bool) -> None:
        self.command = command
        self.grace = grace
        self.plain = plain
        self.child = 0
        self.status: int | None = None
        self.deadline = float("inf")

    def start(self, relay: Relay, prepare: str) -> None:
        """Start the command."""
        for number in FORWARDED:
            signal.signal(number, self._forward)
        self.child = os.fork()
        if self.child:
            return
        try:
            for number in FORWARDED:
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            relay.close()
            os.setpgid(0, 0)
            if prepare:
                sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
                import prepare as steps  # type: ignore[import-not-found]

                steps.run(prepare)
            os.execvp(self.command[0], self.command)  # noqa: S606
        except OSError as problem:
            sys.stderr.write(f"tradewind sandbox: cannot start {self.command[0]}: {problem}\n")
        finally:
            os._exit(127)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT) and self.deadline == float("inf"):
            self.deadline = time.monotonic() + self.grace
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, number)

    def reap(self) -> bool:
        """Collect ended processes; true when the command has ended or has had its time."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if pid == self.child:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None or time.monotonic() > self.deadline

    def exit_code(self) -> int:
        """Exit code in the shell's convention: 128 plus the signal that ended the command."""
        status = -signal.SIGKILL if self.status is None else self.status
        return status if status >= 0 else 128 - status

    def sweep(self) -> None:
        """Kill what is left. In a PID namespace our own end does it, here we hunt."""
        if not self.plain:
            return
        for _ in range(100):
            left = descendants(os.getpid())
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def descendants(root: int) -> list[int]:
    """Every living process below ``root``, from ``/proc``."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:  # noqa: PTH123
                    state, parent = file.read().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                children.setdefault(int(parent), []).append(int(name))
    found: list[int] = []
    todo = [root]
    while todo:
        new = children.get(todo.pop(), [])
        found += new
        todo += new
    return found


def become_subreaper(bound: bool) -> None:
    """Have orphans of the command handed to this process; if ``bound``, end with its own starter."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if bound:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit code."""
    plain, bound, grace, prepare = False, False, 10.0, ""
    relay = Relay()
    options = iter(arguments)
    for option in options:
        if option == "--":
            break
        if option == "--plain":
            plain = True
        elif option == "--bound":
            bound = True
        elif option == "--grace":
            grace = float(next(options))
        elif option == "--relay":
            relay.listen(int(next(options)), next(options))
        elif option == "--prepare":
            prepare = next(options)
        else:
            raise SystemExit(f"unknown option {option}")
    if plain:
        become_subreaper(bound)
    wake, poke = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(poke, False)
    signal.set_wakeup_fd(poke, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    relay.watch(wake)
    reaper = Reaper(list(options), grace, plain)
    reaper.start(relay, prepare)
    while not reaper.reap():
        # Signals wake the poll through the pipe; the timeout only serves the deadline after a SIGTERM.
        relay.turn(-1 if reaper.deadline == float("inf") else 0.1)
        with contextlib.suppress(BlockingIOError):
            os.read(wake, CHUNK)
    reaper.sweep()
    return reaper.exit_code()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
