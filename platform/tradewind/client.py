"""A small HTTP client of the platform's own service, used by the SDK in kernels and by the shell."""

import contextlib
import os
from typing import Any

import httpx

from tradewind import errors
from tradewind.settings import load_settings

API_URL = "TRADEWIND_API_URL"
API_TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105  the name of a variable, not a token


def _error_classes() -> dict[str, type[errors.TradewindError]]:
    found: dict[str, type[errors.TradewindError]] = {}
    todo = [errors.TradewindError]
    while todo:
        cls = todo.pop()
        found[cls.code] = cls
        todo.extend(cls.__subclasses__())
    return found


class Client:
    """Calls the service's REST API and raises its errors as the classes they were.

    Parameters
    ----------
    url
        Root of the API, ending in ``/api``.
    token
        A hub token with access to the service.
    """

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"token {token}"},
            timeout=60,
            trust_env=False,
        )

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at the interpreter's end nothing may be left to close it with
            self._http.close()

    @classmethod
    def from_environment(cls) -> "Client":
        """Connect as a sandboxed server would, else with the rights of the state folder's owner."""
        url, token = os.environ.get(API_URL), os.environ.get(API_TOKEN)
        if url and token:
            return cls(url, token)
        settings = load_settings()
        secret = settings.paths.secrets / "cli"
        if not secret.exists():
            raise errors.UnavailableError(
                "There is no running platform to talk to.", "Start it with `make up`, or work inside its Lab."
            )
        base = settings.base_url.rstrip("/")
        return cls(
            f"http://127.0.0.1:{settings.service_port}{base}/services/tradewind/api",
            secret.read_text().strip(),
        )

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send one request and return the decoded answer.

        Parameters
        ----------
        method
            HTTP method.
        path
            Path below ``/api``, without a leading slash.
        options
            What httpx takes: ``json``, ``params``, ``content``, ``files``.

        Raises
        ------
        TradewindError
            The service's own error, in its own class.
        UnavailableError
            The service does not answer.
        """
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as problem:
            raise errors.UnavailableError(
                f"The Tradewind service does not answer ({problem}).", "See `make status` and `make logs`."
            ) from problem
        if answer.is_success:
            return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content
        try:
            detail = answer.json()["error"]
            cls = _error_classes().get(detail["code"], errors.TradewindError)
            raised = cls(detail["message"], detail.get("hint", ""))
        except (ValueError, KeyError, TypeError):
            raised = errors.TradewindError(f"The service answered {answer.status_code}.", answer.text[:200])
        raise raised

    def get(self, path: str, **params: Any) -> Any:
        """GET a resource."""
        return self.call("GET", path, params=params)

    def post(self, path: str, json: Any = None) -> Any:
        """POST a JSON document."""
        return self.call("POST", path, json=json)
