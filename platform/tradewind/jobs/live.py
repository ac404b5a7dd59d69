"""How a run shows itself in a notebook: a small card that follows it until it has ended."""

import contextvars
import html
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tradewind.errors import TradewindError
from tradewind.jobs.model import Run
from tradewind.vocabulary import RunStatus

SHAPES = {
    RunStatus.QUEUED: "◌",
    RunStatus.RUNNING: "◐",
    RunStatus.CANCELLING: "◐",
    RunStatus.SUCCEEDED: "●",
    RunStatus.FAILED: "✕",
    RunStatus.CANCELLED: "○",
    RunStatus.LOST: "✕",
}
"""A shape for each state, so that colour is never the only sign."""

_COLOURS = {RunStatus.SUCCEEDED: "#1a7f5a", RunStatus.FAILED: "#b3261e", RunStatus.LOST: "#b3261e"}
_BOX = "border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:.6em .9em;display:inline-block"
_EVERY_SECONDS = 1.0


def lasting(length: timedelta) -> str:
    """Say how long something takes, shortly."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def remaining(run: Run) -> timedelta | None:
    """Guess how long a run still takes, from the cells it has done; nothing when nothing is known."""
    if run.status is not RunStatus.RUNNING or not 0 < run.cell < run.cells:
        return None
    return run.elapsed * ((run.cells - run.cell) / run.cell)


def sentence(run: Run) -> str:
    """Say where a run stands, in one line."""
    words = [run.status.value]
    if run.status in (RunStatus.RUNNING, RunStatus.CANCELLING):
        # The cell being worked on is the one after those that have ended.
        words += [f"cell {min(run.cell + 1, run.cells)} of {run.cells}"] if run.cells else []
        words.append(lasting(run.elapsed))
        left = remaining(run)
        words += [f"about {lasting(left)} to go"] if left and left.total_seconds() >= 1 else []
    elif run.started_at:
        words.append(f"after {lasting(run.elapsed)}")
    return ", ".join(words)


def card(run: Run) -> str:
    """Return the card as HTML."""
    colour = _COLOURS.get(run.status, "currentColor")
    parameters = ", ".join(f"{name}={value!r}" for name, value in run.parameters.items())
    lines = [
        f'<span style="color:{colour}">{SHAPES[run.status]}</span> <b>{html.escape(run.title)}</b> '
        f"{html.escape(sentence(run))}"
    ]
    if run.cells and not run.status.final:
        lines.append(f'<progress max="{run.cells}" value="{run.cell}" style="width:16em"></progress>')
    if parameters:
        lines.append(f'<span style="opacity:.75">{html.escape(parameters)}</span>')
    if run.metrics:
        cells = "".join(
            f'<td style="text-align:right;padding:0 1em 0 0">{html.escape(name)}'
            f'<br><b style="font-variant-numeric:tabular-nums">{html.escape(figure(value))}</b></td>'
            for name, value in list(run.metrics.items())[:8]
        )
        lines.append(f"<table><tr>{cells}</tr></table>")
    if run.error:
        lines.append(f'<span style="color:#b3261e">{html.escape(run.error[:500])}</span>')
    lines.append(
        f'<a href="{html.escape(run.url, quote=True)}" target="_blank">Run {html.escape(run.id)}</a>'
    )
    body = "<br>".join(lines)
    return f'<div style="{_BOX}">{body}</div>'


def figure(value: Any) -> str:
    """Write a recorded figure with a sensible number of digits."""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "–" if value is None else str(value)


def in_notebook() -> bool:
    """Whether this process is a kernel that can change what it has shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def follow(current: Callable[[], Run], refresh: Callable[[], Run]) -> threading.Thread | None:
    """Show a run's card and keep it up to date from a thread until the run has ended.

    Parameters
    ----------
    current
        Returns the run as it is known.
    refresh
        Asks the platform and returns the run.

    Returns
    -------
    Thread or None
        The thread, unless the run has ended already.
    """
    from IPython.display import HTML, display

    run = current()
    handle = display(HTML(card(run)), display_id=True)
    if run.status.final or handle is None:
        return None

    def keep_up() -> None:
        wait = threading.Event()
        while not wait.wait(_EVERY_SECONDS):
            try:
                run = refresh()
                handle.update(HTML(card(run)))
            except TradewindError:  # the platform may be restarting
                continue
            if run.status.final:
                return

    # A copy of the context: the kernel finds the cell that an output belongs to by it.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(keep_up,), daemon=True)
    thread.start()
    return thread
