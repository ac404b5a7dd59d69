"""``tw.publish``: publishing from a notebook or a script, over the platform's API."""

import html
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from tradewind.client import Client
from tradewind.errors import PathNotAllowedError
from tradewind.publish.bundle import SHIPPED, read_source


class Published:
    """A dashboard of the platform, as its page and the shell show it.

    Attributes
    ----------
    slug, title, description, owner, version, runtime, share_with, url
        What the platform says of it.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.slug: str = document["slug"]
        self.title: str = document["title"]
        self.description: str = document["description"]
        self.owner: str = document["owner"]
        self.version: int = document["version"]
        self.runtime: str = document["runtime"]
        self.share_with: tuple[str, ...] = tuple(document["share_with"])
        self.url: str = document["url"]
        self.created_at = datetime.fromisoformat(document["created_at"])

    def share(self, share_with: Iterable[str]) -> "Published":
        """Share it with exactly these from now on, and return how it stands."""
        body = {"share_with": list(share_with)}
        return Published(Client.from_environment().call("PATCH", f"dashboards/{self.slug}", json=body))

    def remove(self) -> None:
        """Remove it with all its versions."""
        Client.from_environment().call("DELETE", f"dashboards/{self.slug}")

    @property
    def audience(self) -> str:
        """Who may open it, in words."""
        return ", ".join(self.share_with) if self.share_with else "only you and administrators"

    def __repr__(self) -> str:
        return f"Dashboard {self.title!r}, version {self.version}: {self.url}\nShared with {self.audience}."

    def _repr_html_(self) -> str:
        url, title, audience = map(html.escape, (self.url, self.title, self.audience))
        return (
            '<div style="border:1px solid #dce1e6;border-radius:6px;padding:10px 14px;max-width:40rem;'
            'line-height:1.5">'
            f'<a href="{url}" target="_blank" rel="noopener" style="font-weight:600">{title}</a>'
            f' <span style="color:#56636f">version {self.version}, {html.escape(self.runtime)}</span>'
            f'<br><span style="color:#56636f">Shared with {audience}.</span></div>'
        )


def publish(
    path: str | Path,
    title: str = "",
    description: str | None = None,
    share_with: Iterable[str] | None = None,
    *,
    slug: str | None = None,
) -> Published:
    """Publish an immutable copy of a notebook or a Panel app as a dashboard.

    What calls ``.servable()`` is served by Panel, any other notebook by Voilà. It runs with your right to
    read data, in a sandbox of its own. Publishing the same file again makes a new version of the same
    dashboard.

    Parameters
    ----------
    path
        A notebook or a ``.py`` file as it is saved now; ``dashboards/NAME`` for one that ships with the
        platform.
    title
        What viewers read; the notebook's first heading by default.
    description
        A sentence about it.
    share_with
        ``"user:NAME"``, ``"group:NAME"`` or ``"everyone"``. Left out, a new dashboard is yours alone and
        one that exists keeps its shares.
    slug
        Its name in the address; made from the file's name by default.

    Returns
    -------
    Published
        With a link in ``.url``.

    Raises
    ------
    NotFoundError
        There is no such file.
    PathNotAllowedError
        It lies neither in your home nor below the working folder.
    NotPublishableError
        It cannot be shown as a dashboard.
    ShareError
        A share names nobody that could exist.
    """
    body = _source(Path(path)) | {"title": title, "slug": slug}
    if description is not None:
        body["description"] = description
    if share_with is not None:
        body["share_with"] = [share_with] if isinstance(share_with, str) else list(share_with)
    return Published(Client.from_environment().post("dashboards", json=body))


def dashboards() -> list[Published]:
    """Return the dashboards that you may open."""
    return [Published(document) for document in Client.from_environment().get("dashboards")]


def _source(path: Path) -> dict[str, Any]:
    if not path.exists() and path.parts == (SHIPPED.name, path.name) and (SHIPPED / path.name).is_file():
        return {"path": path.as_posix()}
    found = path.expanduser().resolve()
    if not any(found.is_relative_to(folder.resolve()) for folder in (Path.cwd(), Path.home())):
        raise PathNotAllowedError(f"{str(path)!r} is not in your home.", "Copy it there first.")
    source = read_source(found)
    return {"source": {"name": source.name, "content": source.content.decode("utf-8", "replace")}}
