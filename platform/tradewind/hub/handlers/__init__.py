"""The hub's own pages: signing in and up, password, second factor, accounts."""

from typing import Any

from tradewind.hub import theme
from tradewind.hub.handlers.account import PasswordHandler, SecondFactorHandler
from tradewind.hub.handlers.administration import AccountsHandler
from tradewind.hub.handlers.places import LabHandler, ThemeHandler
from tradewind.hub.handlers.signin import SignInHandler, SignUpHandler
from tradewind.settings import Settings


def handlers(settings: Settings) -> list[tuple[Any, ...]]:
    """Return the routes below ``<base>/hub``.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    routes: list[tuple[Any, ...]] = [
        (r"/login", SignInHandler),
        (r"/lab", LabHandler),
        (r"/accounts", AccountsHandler),
        (r"/tw-static/([a-z]+\.(?:css|js|svg))", ThemeHandler, {"path": str(theme.STATIC)}),
    ]
    if settings.authenticator == "local":
        routes += [
            (r"/signup", SignUpHandler),
            (r"/password", PasswordHandler),
            (r"/second-factor", SecondFactorHandler),
        ]
    return routes
