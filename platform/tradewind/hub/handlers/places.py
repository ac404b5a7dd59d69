"""Small places: theme files, and the way to one's Lab."""

from jupyterhub.handlers.static import CacheControlStaticFilesHandler
from jupyterhub.utils import url_path_join
from tornado import web
from tornado.httputil import url_concat

from tradewind.hub.handlers.page import Page


class ThemeHandler(CacheControlStaticFilesHandler):  # type: ignore[misc]  # jupyterhub has no types
    """Theme files, for everybody, kept by browsers as long as their ``?v=`` stays."""

    def set_default_headers(self) -> None:
        """Take the type as it is said."""
        self.set_header("X-Content-Type-Options", "nosniff")


class LabHandler(Page):
    """Send a user to the Lab, starting the server where it is not running; ``?path=`` opens a file."""

    @web.authenticated
    async def get(self) -> None:
        """Redirect."""
        user = self.current_user
        path = self.get_argument("path", "").strip("/")
        parts = ["lab", "tree", path] if path else ["lab"]
        lab = url_path_join(self.base_url, "user", user.escaped_name, *parts)
        if user.spawner.ready:
            self.redirect(lab)
        else:
            self.redirect(
                url_concat(url_path_join(self.hub.base_url, "spawn", user.escaped_name), {"next": lab})
            )
