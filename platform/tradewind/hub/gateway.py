"""The way out of a sandbox: Unix sockets to the hub's API, to the service's API, to the internet, to S3.

``python -m tradewind.hub.gateway`` listens in ``<runtime>/gateway``. It is HTTP-aware on purpose: a sandbox
gets the two APIs and nothing else of hub and service (not, say, the sign-in form behind the proxy's back,
with an address of its own choice in ``X-Forwarded-For``). One request a connection: what was checked is
what is sent.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aiohttp.web import AppRunner

from tradewind.hub.egress import Policy, RefusedError
from tradewind.hub.s3gate import S3Gate
from tradewind.sandbox.storekey import SOCKET
from tradewind.settings import Settings, load_settings

log = logging.getLogger("tradewind.gateway")

HEAD_LIMIT = 65536
HEAD_TIMEOUT = 30.0
CHUNK = 65536
UPSTREAM_PATIENCE = 15.0
"""Seconds a request waits for a hub or service that is being restarted."""
DIAL_TIMEOUT = 20.0
IDLE_TIMEOUT = 900.0
CONNECTIONS = 512
"""At one time, of all sandboxes together."""

_HOP = frozenset(
    {"connection", "keep-alive", "upgrade", "te", "forwarded", "x-real-ip", "x-scheme", "proxy-connection"}
)

type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class BadRequestError(Exception):
    """The bytes are no request this gateway understands."""


@dataclass(frozen=True)
class Head:
    """The first lines of a request."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> "Head":
        """Read a request's head, strictly: what two parsers could read in two ways is refused."""
        try:
            async with asyncio.timeout(HEAD_TIMEOUT):
                raw = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as problem:
            raise BadRequestError("no request") from problem
        lines = raw.decode("latin-1")[:-4].split("\r\n")
        words = lines[0].split(" ")
        if (
            len(words) != 3
            or not words[2].startswith("HTTP/1.")
            or any(c in "\r\n\0" for c in "".join(lines))
        ):
            raise BadRequestError("malformed request")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip() or " " in name or "\t" in name:
                raise BadRequestError("malformed header")
            headers.append((name, value.strip()))
        return cls(words[0], words[1], words[2], tuple(headers))

    def forwarded(self, target: str) -> bytes:
        """Return the head to send on: for one request, without a claim of who it comes from."""
        kept = [
            f"{name}: {value}"
            for name, value in self.headers
            if name.lower() not in _HOP and not name.lower().startswith(("x-forwarded", "proxy-"))
        ]
        lines = [f"{self.method} {target} {self.version}", *kept, "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1")


async def splice(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Copy both ways until both sides have ended, or nothing has moved for long."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            while True:
                async with asyncio.timeout(IDLE_TIMEOUT):
                    data = await reader.read(CHUNK)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    try:
        await asyncio.gather(copy(client[0], server[1]), copy(server[0], client[1]))
    finally:
        server[1].close()


async def refuse(writer: asyncio.StreamWriter, status: int, word: str, why: str) -> None:
    """Answer with an error of the house's shape."""
    body = json.dumps({"error": {"code": word, "message": why, "hint": ""}}).encode()
    head = f"HTTP/1.1 {status} {word}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    with contextlib.suppress(OSError):
        await writer.drain()


def api_relay(port: int, prefix: str) -> Handler:
    """Return a handler that sends requests below a path to a program on this machine.

    Parameters
    ----------
    port
        Its loopback port.
    prefix
        The path that is open to sandboxes, without a trailing slash.
    """

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        deadline = asyncio.get_running_loop().time() + UPSTREAM_PATIENCE
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await Head.read(reader)
        path = unquote(head.target.partition("?")[0])
        if not (path == prefix or path.startswith(f"{prefix}/")) or ".." in path.split("/"):
            await refuse(writer, 403, "not_allowed", f"Only {prefix} can be reached from a sandbox.")
            return
        try:
            server = await connect()
        except OSError:
            await refuse(writer, 503, "unavailable", "That part of the platform does not answer.")
            return
        server[1].write(head.forwarded(head.target))
        await splice((reader, writer), server)

    return handle


def egress(policy: Policy) -> Handler:
    """Return a handler that is a web proxy with a policy.

    Parameters
    ----------
    policy
        What may be reached.
    """

    async def dial(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        problem: Exception = OSError("no address")
        for address in await policy.resolve(host, port):
            try:
                async with asyncio.timeout(DIAL_TIMEOUT):
                    return await asyncio.open_connection(address, port)
            except (OSError, TimeoutError) as failed:
                problem = failed
        raise problem

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await Head.read(reader)
        tunnel = head.method == "CONNECT"
        try:
            where = urlsplit(f"//{head.target}" if tunnel else head.target)
            host, port = where.hostname or "", where.port or (0 if tunnel else 80)
        except ValueError as problem:
            raise BadRequestError("malformed address") from problem
        if not host or not port or (not tunnel and where.scheme != "http"):
            raise BadRequestError("this is a web proxy")
        try:
            server = await dial(host, port)
        except RefusedError as why:
            log.warning("refused %s %s:%s: %s", head.method, host, port, why)
            await refuse(writer, 403, "not_allowed", f"A sandbox may not connect there: {why}.")
            return
        except (OSError, TimeoutError):
            await refuse(writer, 502, "unavailable", f"{host} does not answer.")
            return
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = where.path or "/"
            server[1].write(head.forwarded(f"{path}?{where.query}" if where.query else path))
        await splice((reader, writer), server)

    return handle


class Gateway:
    """The three listeners.

    Parameters
    ----------
    settings
        The installation's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.paths.runtime / "gateway"
        base = settings.base_url.rstrip("/")
        policy = Policy(tuple(settings.egress_ports), tuple(settings.egress_allow))
        self.handlers: dict[str, Handler] = {
            "hub": api_relay(settings.hub_port, f"{base}/hub/api"),
            "service": api_relay(settings.service_port, f"{base}/services/tradewind/api"),
            "egress": egress(policy),
        }
        self.s3 = S3Gate(settings) if settings.store.startswith("s3://") else None
        self._s3_runner: AppRunner | None = None
        self.servers: list[asyncio.Server] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def start(self) -> None:
        """Listen."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, handler in self.handlers.items():
            path = self.folder / f"{name}.sock"
            self.servers.append(await listen(path, self._guarded(handler)))
        if self.s3 is not None:
            path = self.folder / f"{SOCKET}.sock"
            part = path.with_suffix(".new")
            part.unlink(missing_ok=True)
            self._s3_runner = await self.s3.start(str(part))
            part.chmod(0o600)
            part.rename(path)

    async def stop(self) -> None:
        """Stop listening and drop what is under way."""
        for server in self.servers:
            server.close()
            server.close_clients()
        if self.s3 is not None and self._s3_runner is not None:
            await self._s3_runner.cleanup()
            await self.s3.stop()

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                async with self._room:
                    await handler(reader, writer)
            except BadRequestError as problem:
                await refuse(writer, 400, "invalid_input", str(problem))
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        return guarded


async def listen(path: Path, handler: Handler) -> asyncio.Server:
    """Listen on a Unix socket that takes the place of an old one without a gap."""
    part = path.with_suffix(".new")
    part.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(handler, str(part), limit=HEAD_LIMIT, backlog=512)
    part.chmod(0o600)
    part.rename(path)
    return server


async def serve(settings: Settings) -> None:
    """Run until a SIGTERM."""
    gateway = Gateway(settings)
    await gateway.start()
    log.info("listening in %s", gateway.folder)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await gateway.stop()


def main() -> None:
    """Run the gateway of this installation."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    os.umask(0o077)
    asyncio.run(serve(load_settings()))


if __name__ == "__main__":
    main()
