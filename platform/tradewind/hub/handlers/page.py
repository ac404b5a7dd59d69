"""What our pages share."""

from typing import Any

from jupyterhub.handlers.base import BaseHandler

from tradewind.settings import Settings


class Page(BaseHandler):  # type: ignore[misc]  # jupyterhub has no types
    """A page of the hub in our look."""

    @property
    def tradewind(self) -> Settings:
        """The installation's settings."""
        settings: Settings = self.authenticator.tradewind
        return settings

    def field(self, name: str, *, strip: bool = True) -> str:
        """Return one field of the posted form; empty when it is missing."""
        return str(self.get_body_argument(name, "", strip=strip))

    async def show(self, template: str, *, status: int = 200, **values: Any) -> None:
        """Answer with a page that no cache keeps.

        Parameters
        ----------
        template
            Its file below ``templates``.
        status
            HTTP status.
        values
            What the template needs.
        """
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(await self.render_template(template, **values))
