"""What our pages share."""

from typing import Any

from jupyterhub import orm
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.utils import new_token

from tradewind.settings import Settings, load_settings


class Page(BaseHandler):  # type: ignore[misc]  # jupyterhub has no types
    """A page of the hub in our look."""

    @property
    def tradewind(self) -> Settings:
        """The installation's settings."""
        return load_settings()

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


def end_sessions(handler: BaseHandler, name: str) -> None:
    """Sign a user out everywhere: browser sessions of the hub and of every service; API tokens stay.

    Parameters
    ----------
    handler
        Any handler, for the hub's database.
    name
        Whose sessions.
    """
    user = handler.find_user(name)
    if user is None:
        return
    user.orm_user.cookie_id = new_token()
    for token in handler.db.query(orm.APIToken).filter_by(user_id=user.orm_user.id):
        if token.session_id:
            handler.db.delete(token)
    handler.db.commit()
