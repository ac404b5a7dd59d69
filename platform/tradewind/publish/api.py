"""Publishing, in the platform's own processes; who may do what is decided by the caller (:mod:`.model`)."""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tradewind.errors import ConflictError, InvalidInputError, did_you_mean
from tradewind.publish import bundle, tables
from tradewind.publish.bundle import Source, source_from_path
from tradewind.publish.model import (
    Dashboard,
    DashboardNotFoundError,
    NotPublishableError,
    Runtime,
    ShareError,
    Version,
    check_slug,
    may_edit,
    may_view,
    prefix,
    shares,
    slug_of,
)
from tradewind.settings import Settings

__all__ = [
    "Dashboard", "DashboardNotFoundError", "NotPublishableError", "Runtime", "ShareError", "Source",
    "Version", "delete", "get", "hand_over", "history", "list_all", "list_visible", "may_edit", "may_view",
    "prefix", "publish", "source_from_path", "touch", "update", "update_shares",
]  # fmt: skip


def publish(
    settings: Settings,
    *,
    owner: str,
    source: Source,
    title: str = "",
    description: str | None = None,
    share_with: Iterable[str] | None = None,
    slug: str | None = None,
    shipped: bool = False,
) -> Dashboard:
    """Publish an immutable copy; the owner's own dashboard of the same name gets a new version.

    Parameters
    ----------
    owner
        Who publishes.
    source
        The notebook or program.
    title, description
        What viewers read; the title is taken from the notebook's first heading when it is empty. None keeps
        what an earlier version said.
    share_with
        ``user:NAME``, ``group:NAME`` or ``everyone``. None keeps the shares of an earlier version, and
        shares a new dashboard with nobody.
    slug
        The name in addresses; by default made from the file's name.
    shipped
        Whether the platform itself brings it.

    Returns
    -------
    Dashboard
        As it is now.

    Raises
    ------
    NotPublishableError
        The source cannot be shown.
    ShareError
        A share target is malformed.
    ConflictError
        The slug was chosen by hand and belongs to somebody else's dashboard.
    """
    runtime, found_title = bundle.inspect(source)
    targets = None if share_with is None else shares(share_with)
    title = (title or found_title or source.name.rsplit(".", 1)[0].replace("_", " ").capitalize()).strip()
    if len(title) > 200:
        raise InvalidInputError("A title has at most 200 characters.", "Put the rest into the description.")
    staged = bundle.stage(settings, source, title=title, owner=owner, runtime=runtime)
    try:
        with tables.ready(settings).begin() as connection:
            name = _free_slug(connection, owner, source, slug)
            _store(settings, connection, name, owner=owner, source=source, runtime=runtime, title=title,
                   description=description, targets=targets, shipped=shipped, staged=staged)  # fmt: skip
    except sa.exc.IntegrityError as problem:
        raise ConflictError(
            "Somebody published the same dashboard at the same moment.", "Publish it again."
        ) from problem
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return get(settings, name)


def _free_slug(connection: sa.Connection, owner: str, source: Source, slug: str | None) -> str:
    wanted = check_slug(slug) if slug else slug_of(source.name.rsplit(".", 1)[0])
    table = tables.dashboards
    for number in range(1, 1000):
        candidate = wanted if number == 1 else f"{wanted[:55]}-{number}"
        holder = connection.execute(sa.select(table.c.owner).where(table.c.slug == candidate)).scalar()
        if candidate != "static" and holder in (None, owner):
            return candidate
        if slug:
            break
    raise ConflictError(f"{wanted!r} is the address of another user's dashboard.", "Choose another name.")


def _store(
    settings: Settings,
    connection: sa.Connection,
    slug: str,
    *,
    owner: str,
    source: Source,
    runtime: Runtime,
    title: str,
    description: str | None,
    targets: tuple[str, ...] | None,
    shipped: bool,
    staged: Path,
) -> None:
    table, now = tables.dashboards, _now()
    known = connection.execute(sa.select(table).where(table.c.slug == slug)).mappings().first()
    number = known["version"] if known else 0
    sha = sa.select(tables.versions.c.sha256).where(
        tables.versions.c.slug == slug, tables.versions.c.number == number
    )
    same = connection.execute(sha).scalar() == source.sha256
    values: dict[str, Any] = {"title": title, "runtime": runtime.value, "shipped": shipped}
    if not same:
        values |= {"version": number + 1, "updated_at": now}
    if known is None:
        connection.execute(
            table.insert().values(
                slug=slug, owner=owner, created_at=now, description=description or "", **values
            )
        )
    else:
        kept = known["description"] if description is None else description
        connection.execute(table.update().where(table.c.slug == slug).values(description=kept, **values))
    if not same:
        connection.execute(
            tables.versions.insert().values(
                slug=slug, number=number + 1, sha256=source.sha256, created_at=now, created_by=owner
            )
        )
        bundle.put_in_place(settings, staged, slug, number + 1)
    if targets is not None:
        _replace_shares(connection, slug, targets)


def _replace_shares(connection: sa.Connection, slug: str, targets: tuple[str, ...]) -> None:
    connection.execute(tables.shares.delete().where(tables.shares.c.slug == slug))
    if targets:
        connection.execute(tables.shares.insert(), [{"slug": slug, "target": target} for target in targets])


def list_all(settings: Settings) -> list[Dashboard]:
    """Return every dashboard, the newest change first."""
    return _read(settings)


def list_visible(settings: Settings, user: str, groups: Iterable[str], admin: bool) -> list[Dashboard]:
    """Return the dashboards a user may open, the newest change first."""
    mine = tuple(groups)
    return [dashboard for dashboard in _read(settings) if may_view(dashboard, user, mine, admin)]


def get(settings: Settings, slug: str) -> Dashboard:
    """Return one dashboard.

    Raises
    ------
    DashboardNotFoundError
        There is none of that name.
    """
    found = _read(settings, slug)
    if not found:
        raise DashboardNotFoundError(f"There is no dashboard {slug!r}.", "See the Dashboards page.")
    return found[0]


def _read(settings: Settings, slug: str | None = None) -> list[Dashboard]:
    table = tables.dashboards
    query = sa.select(table).order_by(table.c.updated_at.desc(), table.c.slug)
    targets = sa.select(tables.shares).order_by(tables.shares.c.target)
    if slug is not None:
        query, targets = query.where(table.c.slug == slug), targets.where(tables.shares.c.slug == slug)
    with tables.ready(settings).connect() as connection:
        rows = connection.execute(query).mappings().all()
        shared: dict[str, list[str]] = {}
        for row in connection.execute(targets).mappings():
            shared.setdefault(row["slug"], []).append(row["target"])
    return [
        Dashboard(
            slug=row["slug"],
            title=row["title"],
            description=row["description"],
            owner=row["owner"],
            version=row["version"],
            runtime=Runtime(row["runtime"]),
            share_with=tuple(shared.get(row["slug"], ())),
            created_at=datetime.fromisoformat(row["created_at"]),
            updated_at=datetime.fromisoformat(row["updated_at"]),
            viewed_at=datetime.fromisoformat(row["viewed_at"]) if row["viewed_at"] else None,
            shipped=row["shipped"],
        )
        for row in rows
    ]


def history(settings: Settings, slug: str) -> list[Version]:
    """Return the versions of a dashboard, the newest first."""
    table = tables.versions
    query = sa.select(table).where(table.c.slug == slug).order_by(table.c.number.desc())
    with tables.ready(settings).connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [Version(**{**row, "created_at": datetime.fromisoformat(row["created_at"])}) for row in rows]


def update(
    settings: Settings, slug: str, *, title: str | None = None, description: str | None = None
) -> Dashboard:
    """Change what viewers read; None leaves it."""
    values = {
        key: text.strip()
        for key, text in (("title", title), ("description", description))
        if text is not None
    }
    if "title" in values and not 0 < len(values["title"]) <= 200:
        raise InvalidInputError("A title has 1 to 200 characters.")
    if values:
        table = tables.dashboards
        with tables.ready(settings).begin() as connection:
            connection.execute(table.update().where(table.c.slug == slug).values(updated_at=_now(), **values))
    return get(settings, slug)


def update_shares(settings: Settings, slug: str, share_with: Iterable[str]) -> Dashboard:
    """Share a dashboard with exactly these; open pages of others are closed within seconds."""
    targets = shares(share_with)
    get(settings, slug)
    with tables.ready(settings).begin() as connection:
        _replace_shares(connection, slug, targets)
    return get(settings, slug)


def delete(settings: Settings, slug: str) -> None:
    """Remove a dashboard with all its versions; its open pages are closed within seconds."""
    get(settings, slug)
    with tables.ready(settings).begin() as connection:
        for table in (tables.shares, tables.versions, tables.dashboards):
            connection.execute(table.delete().where(table.c.slug == slug))
    shutil.rmtree(settings.paths.dashboards / slug, ignore_errors=True)


def hand_over(settings: Settings, old_owner: str, new_owner: str) -> list[str]:
    """Give every dashboard of one user to another, and take the user out of all shares; used when one is
    removed."""
    table = tables.dashboards
    with tables.ready(settings).begin() as connection:
        query = sa.select(table.c.slug).where(table.c.owner == old_owner)
        moved = list(connection.execute(query).scalars())
        connection.execute(table.update().where(table.c.owner == old_owner).values(owner=new_owner))
        connection.execute(tables.shares.delete().where(tables.shares.c.target == f"user:{old_owner}"))
    return moved


def touch(settings: Settings, slug: str) -> None:
    """Note that somebody opened a dashboard now."""
    table = tables.dashboards
    with tables.ready(settings).begin() as connection:
        connection.execute(table.update().where(table.c.slug == slug).values(viewed_at=_now()))


def suggestion(settings: Settings, slug: str, visible: Iterable[Dashboard]) -> str:
    """Say which visible dashboards have a name near to one that does not exist."""
    return did_you_mean(slug, (dashboard.slug for dashboard in visible))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
