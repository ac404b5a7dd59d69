"""The dashboards that ship with the platform."""

from collections.abc import Mapping
from types import MappingProxyType

from tradewind.publish import api, tables
from tradewind.publish.bundle import SHIPPED, read_source
from tradewind.publish.model import EVERYONE, Dashboard, slug_of
from tradewind.settings import Settings

DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "market_overview.ipynb": "Growth, risk and co-movement of a dataset's symbols over any period.",
        "backtest_report.ipynb": "One strategy on the symbols you choose: what it earned, risked and traded.",
        "strategy_lab.py": "Strategy, symbols and costs: equity, drawdown and metrics follow at once.",
    }
)
"""What ships, by file, and what viewers read of it."""


def publish_shipped(settings: Settings, owner: str = "") -> list[Dashboard]:
    """Publish what the platform ships, for everyone; done again it changes nothing but what an upgrade
    changed.

    A shipped dashboard that an administrator has removed stays removed, and shares and owner stay as they
    were set.

    Parameters
    ----------
    settings
        The installation.
    owner
        Who owns them; the first administrator by default.

    Returns
    -------
    list of Dashboard
        The shipped dashboards that exist now.
    """
    mark = settings.paths.dashboards / ".shipped"
    tables.ready(settings)
    known = {dashboard.slug: dashboard for dashboard in api.list_all(settings)}
    offered = set(mark.read_text().split()) if mark.exists() else set()
    found = []
    for name, description in DESCRIPTIONS.items():
        slug, held = slug_of(name.rsplit(".", 1)[0]), known.get(slug_of(name.rsplit(".", 1)[0]))
        if (held is None and slug in offered) or (held is not None and not held.shipped):
            continue
        source = read_source(SHIPPED / name)
        found.append(
            api.publish(
                settings,
                owner=held.owner if held else owner or settings.admin_name,
                source=source,
                title=held.title if held else "",
                description=held.description if held else description,
                share_with=None if held else [EVERYONE],
                slug=slug,
                shipped=True,
            )
        )
        offered.add(slug)
    settings.paths.dashboards.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.write_text("\n".join(sorted(offered)) + "\n")
    return found
