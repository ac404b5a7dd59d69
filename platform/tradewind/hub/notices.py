"""What administrators are told on every page of the hub."""

from tradewind.sandbox import Mode, available, mode
from tradewind.settings import Isolation, Settings


def isolation(settings: Settings) -> str:
    """Return the warning shown to administrators while users are not kept apart; empty if they are.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    how = mode(settings)
    if how is Mode.SHARED:
        return f"Users are not kept apart (isolation = {Isolation.NONE.value}): each can read what all do."
    if how is Mode.ADMIN_ONLY:
        found = available()
        return f"Only {settings.admin_name} may start a server: {found.reason} {found.remedy}"
    return ""
