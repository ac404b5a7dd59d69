"""The gateway's door to a store on S3: checks the user's grants on each request, then signs it.

A sandbox speaks plain S3 to it, with the name card of ``tradewind.sandbox.storekey`` as access key. What lies
below a dataset that the user may read can be fetched and listed; the one dataset that a sync may write can be
written; the list of datasets is answered here, with those the user may read. Everything else is refused.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from tradewind.errors import NotAllowedError
from tradewind.sandbox.storekey import StoreKey
from tradewind.settings import Settings
from tradewind.store import access
from tradewind.store.roots import DELETED, from_settings

log = logging.getLogger("tradewind.gateway")

READING = frozenset({"GET", "HEAD"})
WRITING = frozenset({"PUT", "POST", "DELETE"})
GRANTS_SECONDS = 2.0
"""How long what a user may read is remembered: revoking a grant takes effect within this time."""
CHUNK = 1 << 18
LARGEST_UNANNOUNCED = 1 << 28
"""Bytes of a body whose length is not said beforehand: it is held in memory."""
_KEY = re.compile(r"Credential=([A-Za-z0-9_.\-]+)/")
_PASSED = frozenset(
    {"range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "content-type",
     "content-length", "content-md5", "content-encoding", "x-amz-content-sha256",
     "x-amz-decoded-content-length", "x-amz-trailer"}
)  # fmt: skip
_ANSWERED = frozenset(
    {"content-type", "content-length", "content-range", "etag", "last-modified", "accept-ranges", "date",
     "x-amz-request-id"}
)  # fmt: skip
_UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")


class RefusedError(Exception):
    """A request that is not permitted."""


class S3Gate:
    """Answers the S3 requests of all sandboxes.

    Parameters
    ----------
    settings
        The installation's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = from_settings(settings)
        self._granted: dict[StoreKey, tuple[float, frozenset[str]]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def start(self, path: str) -> web.AppRunner:
        """Listen on a Unix socket."""
        self._session = aiohttp.ClientSession(
            auto_decompress=False, connector=aiohttp.TCPConnector(limit=256),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=120),
        )  # fmt: skip
        app = web.Application(client_max_size=LARGEST_UNANNOUNCED)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.UnixSite(runner, path).start()
        return runner

    async def stop(self) -> None:
        """Drop the connections to the server."""
        if self._session is not None:
            await self._session.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            key = self._key(request.headers)
            raw = urlsplit(request.raw_path)
            bucket, _, name = unquote(raw.path).lstrip("/").partition("/")
            pairs = parse_qsl(raw.query, keep_blank_values=True)
            query = dict(pairs)
            if len(query) < len(pairs) or raw.path.startswith("//"):
                raise RefusedError("an address that two readers may understand differently")
            if bucket != self.root.bucket or ".." in name.split("/"):
                raise RefusedError("another bucket")
            if not name.strip("/"):
                return await self._list(request, key, query)
            allowed = await self._allowed(key)
            dataset = self._dataset(name)
            if request.method in READING and dataset in allowed and not _acts(query):
                return await self._forward(request, raw.path, raw.query)
            if request.method in WRITING and dataset and dataset == key.writes and _may_write(query):
                if not await self._writer(key):
                    raise RefusedError("no longer a writer")
                return await self._forward(request, raw.path, raw.query)
            if request.method in READING and dataset and dataset not in allowed:
                return _problem(404, "NoSuchKey", "There is none that you may read.")
            raise RefusedError(f"{request.method} of {dataset or name!r}")
        except (RefusedError, NotAllowedError) as why:
            log.warning("refused S3 %s %s: %s", request.method, request.path, why)
            return _problem(403, "AccessDenied", "You may not do that to this dataset.")
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            log.warning("S3 %s %s: %s", request.method, request.path, problem)
            return _problem(503, "ServiceUnavailable", "The store does not answer.")

    def _key(self, headers: Mapping[str, str]) -> StoreKey:
        found = _KEY.search(headers.get("Authorization", ""))
        if not found:
            raise RefusedError("no key")
        return StoreKey.opened(self.settings, found[1])

    def _dataset(self, name: str) -> str:
        """Return the dataset an object belongs to."""
        prefix = f"{self.root.key_prefix}/" if self.root.key_prefix else ""
        if not name.startswith(prefix):
            return ""
        dataset, slash, _ = name.removeprefix(prefix).partition("/")
        return dataset if slash else ""

    async def _allowed(self, key: StoreKey) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        held = self._granted.get(key)
        if held is not None and now - held[0] < GRANTS_SECONDS:
            return held[1]
        names = key.only
        if names is None:
            look = (self.settings, key.user, key.groups, key.admin)
            names = tuple(await asyncio.to_thread(access.readable, *look))
        found = frozenset(names) | ({key.writes} if key.writes else frozenset())
        if len(self._granted) > 1_000:
            self._granted.clear()
        self._granted[key] = (now, found)
        return found

    async def _writer(self, key: StoreKey) -> bool:
        return await asyncio.to_thread(
            access.may_write, self.settings, key.writes, key.user, key.groups, key.admin
        )

    async def _list(
        self, request: web.Request, key: StoreKey, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """Answer a listing: of what lies in one dataset by the server, of the datasets by ourselves."""
        if request.method == "HEAD":
            return web.Response(status=200)
        if request.method != "GET" or query.get("list-type") != "2":
            raise RefusedError("not a listing")
        prefix = query.get("prefix", "")
        allowed = await self._allowed(key)
        if self._dataset(prefix) in allowed:
            return await self._forward(request, f"/{self.root.bucket}", urlsplit(request.raw_path).query)
        base = f"{self.root.key_prefix}/" if self.root.key_prefix else ""
        named = prefix.removeprefix(base).strip("/")
        if named == DELETED and prefix.startswith(base):
            return _listing(self.root.bucket, prefix, [])
        if prefix.strip("/") != base.strip("/") and named not in allowed:
            raise RefusedError(f"listing of {prefix!r}")
        names = sorted(allowed if prefix.strip("/") == base.strip("/") else {named})
        return _listing(self.root.bucket, prefix, [f"{base}{n}/" for n in names])

    async def _forward(self, request: web.Request, path: str, query: str) -> web.StreamResponse:
        """Sign a request with the platform's own keys, and pass it and its answer on as they come."""
        if self._session is None:
            raise OSError("not started")
        # Written the one way that signatures are computed over
        pairs = urlencode(parse_qsl(query, keep_blank_values=True), quote_via=quote, safe="-_.~")
        place = quote(unquote(path), safe="/-_.~")
        url = f"{self._endpoint()}{place}" + (f"?{pairs}" if pairs else "")
        headers = {n: v for n, v in request.headers.items() if n.lower() in _PASSED}
        digest = headers.get("x-amz-content-sha256", headers.get("X-Amz-Content-SHA256", ""))
        if request.method in WRITING and digest.startswith("STREAMING-") and digest not in _UNSIGNED:
            raise RefusedError(f"payload signed as {digest}")
        signed = await self._signed(request.method, url, headers, digest)
        body: Any = None
        if request.method in WRITING:  # without a length, S3 takes nothing; what has none is a chunk at most
            known = request.content_length
            body = request.content.iter_chunked(CHUNK) if known else await request.read()
        async with self._session.request(request.method, _exact(url), headers=signed, data=body) as answer:
            kept = {n: v for n, v in answer.headers.items() if n.lower() in _ANSWERED}
            reply = web.StreamResponse(status=answer.status, headers=kept)
            await reply.prepare(request)
            if request.method != "HEAD":
                async for part in answer.content.iter_chunked(CHUNK):
                    await reply.write(part)
            await reply.write_eof()
            return reply

    async def _signed(self, method: str, url: str, headers: Mapping[str, str], digest: str) -> dict[str, str]:
        plain = {
            n: v for n, v in headers.items() if n.lower() not in ("content-length", "x-amz-content-sha256")
        }
        asked = AWSRequest(method=method, url=url, headers=plain)
        _Signer(self._credentials(), self.root.s3.region, digest or "UNSIGNED-PAYLOAD").add_auth(asked)
        length = {n: v for n, v in headers.items() if n.lower() == "content-length"}
        return {**dict(asked.headers.items()), **length}

    def _credentials(self) -> Credentials:
        s3 = self.root.s3
        if s3.access_key:
            return Credentials(s3.access_key, s3.secret_key)
        import botocore.session

        found = botocore.session.get_session().get_credentials()
        if found is None:
            raise OSError("this platform has no S3 keys")
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def _endpoint(self) -> str:
        return self.root.s3.endpoint.rstrip("/") or f"https://s3.{self.root.s3.region}.amazonaws.com"


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs with a digest of the body that was computed by somebody else."""

    def __init__(self, credentials: Credentials, region: str, digest: str) -> None:
        super().__init__(credentials, "s3", region)
        self._digest = digest

    def payload(self, _request: AWSRequest) -> str:
        """Return the digest."""
        return self._digest

    def _should_sha256_sign_payload(self, _request: AWSRequest) -> bool:
        return True


def _exact(url: str) -> URL:
    """Return an address that is sent as it was signed."""
    return URL(url, encoded=True)


def _acts(query: Mapping[str, str]) -> bool:
    """Whether a reading request asks for more than an object: policies, access lists, uploads."""
    return bool(set(query) - {"x-id", "partNumber", "versionId", "response-content-type"})


def _may_write(query: Mapping[str, str]) -> bool:
    return not set(query) - {"x-id", "partNumber", "uploadId", "uploads"}


def _problem(status: int, code: str, message: str) -> web.Response:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


def _listing(bucket: str, prefix: str, found: list[str]) -> web.Response:
    parts = "".join(f"<CommonPrefixes><Prefix>{escape(quote(p))}</Prefix></CommonPrefixes>" for p in found)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found)}</KeyCount>"
        f"<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>{parts}"
        "</ListBucketResult>"
    )
    return web.Response(status=200, text=text, content_type="application/xml")
