"""A small OpenID Connect provider over real HTTP: whoever comes is whom the test has put in front of it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit


class IdentityProvider:
    """Says who somebody is.

    Attributes
    ----------
    claims : dict
        What it says about whoever signs in next.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self._codes: dict[str, dict[str, Any]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer_get(self)

            def do_POST(self) -> None:
                provider.answer_token(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer_get(self, request: BaseHTTPRequestHandler) -> None:
        """Send the browser back with a code, or tell about whoever holds a token."""
        parts = urlsplit(request.path)
        if parts.path == "/authorize":
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
            code = f"code-{len(self._codes)}"
            self._codes[code] = dict(self.claims)
            back = urlencode({"code": code, "state": asked["state"]})
            request.send_response(302)
            request.send_header("Location", f"{asked['redirect_uri']}?{back}")
            request.end_headers()
            return
        token = request.headers["Authorization"].split()[-1]
        self._json(request, self._codes[token.removeprefix("token-")])

    def answer_token(self, request: BaseHTTPRequestHandler) -> None:
        """Give a token for a code, to the client that knows its secret."""
        body = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        assert body["client_secret"] == ["the-clients-secret"]
        self._json(request, {"access_token": f"token-{body['code'][0]}", "token_type": "Bearer"})

    def _json(self, request: BaseHTTPRequestHandler, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
