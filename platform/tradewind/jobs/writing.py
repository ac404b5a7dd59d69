"""Which dataset a run may write: that of a shipped template that is made for it, and nothing else.

Runs see data read-only. A sync writes, so its sandbox gets one dataset writable: the user's own ones for
``mine/...``, or one shared dataset of which the user is a writer. What it may write is looked up when the
run is submitted, so that a mistake is told at once, and again when it starts.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tradewind.errors import InvalidInputError, NotAllowedError
from tradewind.jobs.model import Run, Source
from tradewind.jobs.notebooks import Checked
from tradewind.provenance.ledger import RESEARCH
from tradewind.sandbox import Bind
from tradewind.sandbox.names import STORE_INSIDE
from tradewind.sandbox.storekey import StoreKey
from tradewind.settings import Settings
from tradewind.store import access
from tradewind.store.locks import LOCKS
from tradewind.store.roots import MINE_PREFIX
from tradewind.store.spec import check_name

WRITING: Mapping[str, str] = {"sync": "dataset"}
"""Shipped templates that write, and the parameter that names the dataset."""
DATA_WRITERS = "data-writers"
"""The hub's group that carries the right to write shared datasets through jobs."""
_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Who wants to write which dataset."""

    user: str
    groups: Sequence[str]
    admin: bool
    dataset: str

    @property
    def mine(self) -> bool:
        """Whether it is one of the user's own."""
        return self.dataset.startswith(MINE_PREFIX)


def check(settings: Settings, checked: Checked, *, user: str, groups: Sequence[str], admin: bool) -> None:
    """Refuse a request that would write a dataset its user may not write.

    Raises
    ------
    NotAllowedError
        The dataset is shared, and the user has no right to write it.
    InvalidInputError
        No dataset is named, or it could not be called so.
    """
    if checked.source is not Source.TEMPLATE or checked.template.name not in WRITING:
        return
    parameter = WRITING[checked.template.name]
    default = next((p.default for p in checked.template.parameters if p.name == parameter), "")
    dataset = str(checked.parameters.get(parameter) or default or "")
    if not dataset:
        raise InvalidInputError("Which dataset?", f"Say {parameter}='mine/prices'.")
    check_name(dataset.removeprefix(MINE_PREFIX))
    wish = Wish(user=user, groups=groups, admin=admin, dataset=dataset)
    if not may(settings, wish):
        raise NotAllowedError(
            f"You may not write the shared dataset {dataset!r}.",
            "Use mine/..., or ask an administrator for the group data-writers and a grant to write it.",
        )


def may(settings: Settings, wish: Wish) -> bool:
    """Say whether a wish is granted: one's own always; a shared one to its writers with the right to."""
    if wish.mine or wish.admin:
        return True
    granted = access.may_write(settings, wish.dataset, wish.user, wish.groups)
    return DATA_WRITERS in wish.groups and granted


def wish_of(run: Run) -> Wish | None:
    """Return what a run wants to write; nothing, but for the shipped templates that are made for it."""
    if run.source is not Source.TEMPLATE or run.template not in WRITING:
        return None
    dataset = str(run.parameters.get(WRITING[run.template]) or "")
    return Wish(user=run.user, groups=run.groups, admin=run.admin, dataset=dataset) if dataset else None


def shared_binds(settings: Settings, wish: Wish | None) -> list[Bind]:
    """Return what makes one shared dataset writable in a sandbox, with the lock around its commits."""
    if wish is None or wish.mine or not may(settings, wish):
        return []
    parts = urlsplit(settings.store)
    if parts.scheme != "file":
        return []
    root = Path(unquote(parts.path))
    folder, lock = root / check_name(wish.dataset), root / LOCKS / f"{wish.dataset}.lock"
    for place in (folder, lock.parent):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock.touch(mode=0o600)
    return [
        Bind(folder, STORE_INSIDE / wish.dataset, writable=True),
        Bind(lock, STORE_INSIDE / LOCKS / lock.name, writable=True),
    ]


def key(settings: Settings, run: Run, wish: Wish | None) -> StoreKey:
    """Return what a run may read, and the one dataset it may write, of a store on S3."""
    writes = wish.dataset if wish is not None and not wish.mine and may(settings, wish) else ""
    return StoreKey(user=run.user, groups=tuple(run.groups), admin=run.admin, writes=writes)


def own_binds(
    held: contextlib.ExitStack, home: Path, inside: Path, wish: Wish | None, *, isolated: bool
) -> list[Bind]:
    """Return what shows a user's own datasets, packages and research ledger in a run's sandbox.

    The ledger is writable: what a job tries counts like what is tried in a notebook.

    The user decides what lies in the home, so links are refused: the folders are opened here and shown by
    their descriptors, which cannot be exchanged.

    Parameters
    ----------
    held
        Keeps the folders open until the sandbox has started.
    home, inside
        The home on this machine, and ``.tradewind`` as the run sees it.
    wish
        What the run wants to write.
    isolated
        Whether there is a sandbox.
    """
    if not isolated:
        return []
    writes = wish is not None and wish.mine
    found = []
    with contextlib.suppress(OSError):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # of one who has had no server yet
        outer = os.open(home, _FLAGS)
        held.callback(os.close, outer)
        with contextlib.suppress(FileExistsError):
            os.mkdir(".tradewind", 0o700, dir_fd=outer)
        own = os.open(".tradewind", _FLAGS, dir_fd=outer)
        held.callback(os.close, own)
        for name, writable in {"store": writes, "layer": False, RESEARCH: True}.items():
            if writable:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=own)
            with contextlib.suppress(OSError):
                folder = os.open(name, _FLAGS, dir_fd=own)
                held.callback(os.close, folder)
                found.append(Bind.of_descriptor(folder, inside / name, writable=writable))
    return found
