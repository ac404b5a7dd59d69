"""Pages: Jinja2 with the house's way of writing numbers, times and states."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse

from tradewind.hub import theme
from tradewind.service.context import context

TEMPLATES = Path(__file__).parent / "templates"
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
MISSING = Markup('<span class="tw-muted" title="not known">–</span>')

NOTICES = {
    "published": "Published. Those it is shared with can open it now.",
    "saved": "Saved.",
    "deleted": "Deleted.",
    "submitted": "Submitted. This page follows the run.",
    "cancelled": "Cancelling. The run ends when none of its processes is left.",
    "scheduled": "Scheduled.",
    "paused": "Paused. It does not fire until it is resumed.",
    "resumed": "Resumed.",
    "starting": "The server is starting.",
    "stopping": "The server is stopping.",
    "approved": "Approved. The user can sign in now.",
    "granted": "Saved. Running servers see the change after their next start.",
}
"""What a page says after something was done; the address carries the word, never the text."""


def when(value: datetime | None, *, seconds: bool = False) -> Markup:
    """Write a moment as ISO date and time with its zone."""
    if value is None:
        return MISSING
    moment = value.astimezone(UTC)
    text = moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return Markup('<time class="tw-nowrap" datetime="{}" title="{}">{} UTC</time>').format(
        moment.isoformat(), moment.isoformat(sep=" ", timespec="seconds"), text
    )


def local_when(value: datetime | None, zone: str) -> Markup:
    """Write a moment in the zone that its schedule thinks in, naming the zone."""
    if value is None:
        return MISSING
    return Markup('<time class="tw-nowrap" datetime="{}">{} {}</time>').format(
        value.isoformat(), value.strftime("%Y-%m-%d %H:%M"), zone
    )


def day(value: date | datetime | str | None) -> str | Markup:
    """Write a date as ISO."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else value[:10]


def duration(value: timedelta | float | None) -> str | Markup:
    """Write a length of time as ``4.2 s``, ``3 m 05 s`` or ``2 h 14 m``."""
    if value is None:
        return MISSING
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 172800:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def size(value: float | None) -> str | Markup:
    """Write a number of bytes in decimal units."""
    if value is None:
        return MISSING
    number = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def number(value: Any, digits: int = 4) -> str | Markup:
    """Write a number with a fixed number of decimals; whole numbers have none, thousands two."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:,.{digits}f}"


GAINS = frozenset({"total_return", "cagr", "expectancy"})
"""Metrics that are a gain or a loss, and are coloured so."""


@dataclass(frozen=True)
class Shown:
    """A metric as a page shows it."""

    label: str
    value: str | Markup
    meaning: str = ""
    tone: str = ""


def metrics(recorded: Mapping[str, Any]) -> list[Shown]:
    """Write recorded metrics in the order and units that the library gives them; others follow as numbers."""
    from tradewind.metrics.summary import FIGURES  # brings pandas along, which nothing else here needs

    known = [name for name in FIGURES if name in recorded]
    others = [name for name in recorded if name not in FIGURES]
    found = []
    for name in (*known, *others):
        figure, value = FIGURES.get(name), recorded[name]
        if figure and isinstance(value, int | float) and not math.isnan(value):
            tone = ("gain" if value > 0 else "loss") if name in GAINS and value else ""
            found.append(Shown(figure.label, figure.unit.write(value), figure.meaning, tone))
        else:
            found.append(Shown(figure.label if figure else plain(name), number(value)))
    return found


def hashed(value: str | None, length: int = 10) -> Markup:
    """Write a long id shortened, as a button that copies all of it."""
    if not value:
        return MISSING
    return Markup(
        '<button type="button" class="tw-hash" data-tw-copy="{0}" title="Copy {0}"'
        ' aria-label="Copy {0}">{1}</button>'
    ).format(value, value[:length])


def plain(name: str) -> str:
    """Write an identifier as words: ``max_drawdown`` becomes ``Max drawdown``."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def uncoloured(text: str) -> str:
    """Take a terminal's colour codes out of a text."""
    return ANSI.sub("", text)


@cache
def environment() -> Environment:
    """Return the template environment."""
    found = Environment(
        loader=ChoiceLoader([FileSystemLoader(TEMPLATES), FileSystemLoader(theme.TEMPLATES)]),
        autoescape=select_autoescape(("html", "xml"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "when": when,
        "local_when": local_when,
        "day": day,
        "duration": duration,
        "size": size,
        "number": number,
        "metrics": metrics,
        "hash": hashed,
        "plain": plain,
        "uncoloured": uncoloured,
    }
    found.globals["now"] = lambda: datetime.now(UTC)
    return found


def render(request: Request, template: str, **values: Any) -> str:
    """Render a template with what every page knows."""
    here = context(request)
    identity = getattr(request.state, "identity", None)
    session = getattr(request.state, "session", None)
    common = {
        "request": request,
        "settings": here.settings,
        "prefix": here.prefix,
        "base": f"{here.base}/",
        "asset_version": here.asset_version,
        "identity": identity,
        "xsrf": session.xsrf if session else "",
        "notice": NOTICES.get(request.query_params.get("done", ""), ""),
        "theme_version": theme.version(),
        "place": request.url.path.removeprefix(here.prefix).strip("/").split("/")[0],
    }
    return environment().get_template(template).render(common | values)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Render a template as an answer."""
    return HTMLResponse(render(request, template, **values), status_code=status, headers=dict(headers or {}))
