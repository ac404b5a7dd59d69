"""A TCP relay that cuts every connection after a number of bytes, or loses answers, as a bad network does."""

import contextlib
import socket
import threading
from typing import Self


class TcpProxy:
    """Relays to a port on this machine until it is told to cut.

    Parameters
    ----------
    target
        The port to relay to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._left: int | None = None
        self._lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._cut()

    def cut_after(self, sent: int) -> None:
        """Cut all connections, present and later, once so many more bytes were sent to the server."""
        with self._lock:
            self._left = sent

    def lose(self, answers: int) -> None:
        """Let connections stay open and silent, of which so many answers come next."""
        with self._lock:
            self._lost = answers

    def _cut(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                threading.Thread(target=self._relay, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._relay, args=(server, client, False), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        silent = False
        with contextlib.suppress(OSError):
            while data := source.recv(1024):
                if not counted and not silent and self._lost > 0:
                    with self._lock:
                        self._lost -= 1
                    silent = True
                if silent:
                    continue
                if counted:
                    with self._lock:
                        if self._left is not None:
                            self._left -= len(data)
                        over = self._left is not None and self._left < 0
                    if over:
                        self._cut()
                        return
                sink.sendall(data)
