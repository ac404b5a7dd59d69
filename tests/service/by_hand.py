"""The real service over a fresh state folder; only who a token belongs to is given by hand."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import nbformat
from tradewind.sandbox import home_name
from tradewind.service.context import Context
from tradewind.service.identity import Identity, Scope
from tradewind.settings import Settings

USER = frozenset({Scope.READ, Scope.RUN, Scope.PUBLISH})
PEOPLE = {
    "admin": Identity(name="admin", scopes=frozenset(Scope), admin_account=True),
    "ann": Identity(name="ann", scopes=USER, groups=frozenset({"quants"})),
    "bob": Identity(name="bob", scopes=USER),
    "reader": Identity(name="ann", scopes=frozenset({Scope.READ})),
}
PARAMETERS = """fast: int = 20  # days of the fast average
cost: float = 0.0005
symbols: list[str] = ["AAPL", "MSFT"]
name = "trend"
"""


class ByHand:
    """Knows the tokens of four people."""

    async def identify(self, token: str, session_id: str = "") -> Identity | None:
        """Return whose token it is."""
        return PEOPLE.get(token)


class Browser(httpx.Client):
    """A client with a session; ``xsrf`` is what the forms of its pages carry."""

    xsrf: str = ""


@dataclass
class Service:
    """The service, listening, and clients in the name of somebody."""

    settings: Settings
    context: Context
    origin: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, without a slash at its end."""
        return f"{self.origin}{self.context.prefix}"

    def api(self, who: str) -> httpx.Client:
        """Return a client that calls the REST API with somebody's token."""
        headers = {"Authorization": f"token {who}"} if who else {}
        return self._kept(
            httpx.Client(base_url=f"{self.url}/api/", headers=headers, trust_env=False, timeout=30)
        )

    def browser(self, who: str) -> Browser:
        """Return a client that behaves as the browser of somebody who has signed in, or of a stranger."""
        headers = {"Accept": "text/html", "Origin": self.origin}
        client = Browser(base_url=f"{self.url}/", headers=headers, trust_env=False, timeout=30)
        if who:
            session = self.context.sessions.create(who)
            client.cookies.set("tradewind-session", session.id)
            client.xsrf = session.xsrf
        return self._kept(client)

    def _kept[C: httpx.Client](self, client: C) -> C:
        self.clients.append(client)
        return client

    def notebook(self, user: str, path: str, *cells: str) -> None:
        """Write a notebook into a user's home; a first cell that assigns is tagged as parameters."""
        file = self.home(user) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python", "language": "python"}
        if cells and cells[0] == PARAMETERS:
            notebook.cells[0].metadata["tags"] = ["parameters"]
        file.write_text(json.dumps(notebook))

    def home(self, user: str) -> Path:
        """Return a user's home."""
        return self.settings.paths.user_home(home_name(user))
