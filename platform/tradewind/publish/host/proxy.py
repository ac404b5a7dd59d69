"""Forwarding to a runtime's Unix socket: what is let through in each direction, and what is put in
between."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict

from tradewind.errors import UnavailableError
from tradewind.publish.host.launch import PLACEHOLDER
from tradewind.publish.host.runtimes import Process, State
from tradewind.publish.host.views import View

REQUEST_HEADERS = (
    "Accept", "Accept-Language", "Content-Type", "If-None-Match", "If-Modified-Since", "Range", "User-Agent",
)  # fmt: skip
"""An allow-list: no cookie, no token and no address of the viewer reaches a dashboard's code."""
RESPONSE_HEADERS = (
    "Content-Type", "Content-Disposition", "Cache-Control", "ETag", "Last-Modified", "Accept-Ranges",
    "Content-Range",
)  # fmt: skip
"""An allow-list: a dashboard sets no cookies and no policies of the platform's address."""

SANDBOX = "allow-scripts allow-forms allow-downloads allow-popups allow-modals"
"""What a dashboard's page may do. Not ``allow-same-origin``: it must not act as its viewer on the hub's
pages."""

MARK = PLACEHOLDER.encode()
HEARTBEAT = 30.0


def policy(request: web.Request) -> str:
    """Return the content security policy of a dashboard's page: nothing leaves the platform's address."""
    host = request.headers.get("Host", "")
    here = f"'self' ws://{host} wss://{host}" if host and not set(host) & set(" ;,'\"") else "'self'"
    return (
        f"sandbox {SANDBOX}; default-src 'self' data: blob:; "
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        f"style-src 'self' 'unsafe-inline' data:; connect-src {here} data: blob:; frame-ancestors 'self'; "
        "form-action 'none'; base-uri 'none'"
    )


def response_headers(request: web.Request, given: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers a runtime's answer is passed on with."""
    headers = CIMultiDict((name, given[name]) for name in RESPONSE_HEADERS if name in given)
    headers["Content-Security-Policy"] = policy(request)
    # The page's origin is opaque, so its fonts and modules are fetched across origins; the key in the path
    # is what lets them through, never a cookie.
    headers["Access-Control-Allow-Origin"] = "*"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    return headers


def request_headers(request: web.Request, view: View, viewer_header: bool) -> CIMultiDict[str]:
    """Return the headers a viewer's request is passed on with."""
    headers = CIMultiDict(
        (name, request.headers[name]) for name in REQUEST_HEADERS if name in request.headers
    )
    headers["Host"] = "dashboard"
    headers["Accept-Encoding"] = "identity"
    if viewer_header:
        headers["X-Tradewind-User"] = view.session.viewer.name
    return headers


def target(request: web.Request, view: View) -> str:
    """Return the path to ask the runtime for: the viewer's key replaced by what stands for it there."""
    return request.raw_path.replace(view.key, PLACEHOLDER, 1)


async def forward(request: web.Request, view: View, *, viewer_header: bool) -> web.StreamResponse:
    """Pass one request on and stream the answer back.

    Raises
    ------
    UnavailableError
        The process is gone.
    """
    client = _client(view.process)
    task = asyncio.current_task()
    assert task is not None
    view.process.requests.add(task)
    try:
        async with client.request(
            request.method,
            f"http://dashboard{target(request, view)}",
            headers=request_headers(request, view, viewer_header),
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as answer:
            return await _answer(request, view, answer)
    except aiohttp.ClientConnectionError as problem:
        raise UnavailableError("The dashboard's process is gone.", "Open its page again.") from problem
    finally:
        view.process.requests.discard(task)


async def _answer(request: web.Request, view: View, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = response_headers(request, answer.headers)
    key = view.key.encode()
    location = answer.headers.get("Location", "")
    if location.startswith("/") and not location.startswith("//"):
        headers["Location"] = location.replace(PLACEHOLDER, view.key)
    text = answer.content_type.startswith("text/html")
    if text:
        headers.pop("ETag", None)
        headers["Cache-Control"] = "no-store"
    response = web.StreamResponse(status=answer.status, headers=headers)
    if answer.content_length is not None and answer.status != 304:
        response.content_length = answer.content_length  # a key is as long as what it replaces
    await response.prepare(request)
    body = answer.content.iter_any()
    async for chunk in replaced(body, key) if text else body:
        await response.write(chunk)
    await response.write_eof()
    return response


async def replaced(chunks: AsyncIterator[bytes], key: bytes) -> AsyncIterator[bytes]:
    """Put the viewer's key where the runtime wrote what stands for it, also across the borders of chunks."""
    rest = b""
    async for chunk in chunks:
        data = (rest + chunk).replace(MARK, key)
        keep = _start_of_mark(data)
        rest = data[len(data) - keep :]
        if len(data) > keep:
            yield data[: len(data) - keep]
    if rest:
        yield rest


def _start_of_mark(data: bytes) -> int:
    """Return how many of the last bytes may be the beginning of a mark."""
    tail = data[-(len(MARK) - 1) :]
    start = tail.rfind(b"~")
    if start >= 0 and MARK.startswith(tail[start:]):
        return len(tail) - start
    return 0


async def forward_socket(request: web.Request, view: View, *, viewer_header: bool) -> web.WebSocketResponse:
    """Join a viewer's WebSocket to the runtime's, until one side ends or the view is closed.

    Raises
    ------
    UnavailableError
        The process is gone or does not accept it.
    """
    client = _client(view.process)
    offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
    headers = request_headers(request, view, viewer_header)
    for name in ("Content-Type", "Accept", "Range"):
        headers.pop(name, None)
    try:
        inner = await client.ws_connect(
            f"http://dashboard{target(request, view)}", protocols=offered, headers=headers, max_msg_size=0
        )
    except (aiohttp.ClientError, OSError) as problem:
        raise UnavailableError(
            "The dashboard does not accept the connection.", "Open its page again."
        ) from problem
    outer = web.WebSocketResponse(
        protocols=(inner.protocol,) if inner.protocol else (), heartbeat=HEARTBEAT, max_msg_size=0
    )
    async with inner:
        await outer.prepare(request)
        view.sockets.add(outer)
        view.process.connections += 1
        try:
            both = [asyncio.create_task(_pump(outer, inner)), asyncio.create_task(_pump(inner, outer))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        finally:
            view.process.connections -= 1
            view.sockets.discard(outer)
        if not outer.closed:
            await outer.close(code=inner.close_code or 1001)
    return outer


type _Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pump(source: _Socket, sink: _Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)


def _client(process: Process) -> aiohttp.ClientSession:
    if process.client is None or process.state is not State.READY:
        raise UnavailableError("The dashboard is not running.", "Open its page again.")
    return process.client
