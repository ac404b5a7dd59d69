"""``tradewind data``, looking after datasets: quality, tags, verify, compact, expire, copy, delete."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from tradewind.errors import DataQualityError
from tradewind.store.roots import MINE_PREFIX, Root, mine_root, root_of, s3_options
from tradewind.wording import counted

AsJson = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Name = Annotated[str, typer.Argument(help="A dataset; mine/... for your own.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Tag, snapshot id or time.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def quality(name: Name, as_json: AsJson = False) -> None:
    """Show what the quality gate found, commit by commit, and the bars it kept aside."""
    from tradewind.store.repository import Store

    store = Store(root_of(name)[0])
    commits = [
        {"snapshot": c.snapshot, "findings": dict(c.metadata).get("findings", [])}
        for c in store.history(name)
    ]
    aside = store.snapshot(name).quarantine
    if as_json:
        print(json.dumps({"commits": commits, "quarantine": aside}, indent=2))
        return
    for commit in commits:
        for f in commit["findings"]:
            span = (
                f["first"][:10]
                if f["count"] == 1
                else f"{f['first'][:10]} to {f['last'][:10]} ({f['count']})"
            )
            head = f"{commit['snapshot'][:8]}  {f['severity']:10}  {f['symbol']:16}  {f['check']:16}"
            print(f"{head}  {span}  {f['message']}")
    print(f"{counted(len(aside), 'bar is', 'bars are')} kept aside.")


def restated(name: Name, as_json: AsJson = False) -> None:
    """List the runs that read data of a dataset which was corrected afterwards (of a running platform)."""
    from tradewind.store.restatements import restatements

    found = restatements(name)
    print(json.dumps([r.to_dict() for r in found], indent=2) if as_json else found)


def coverage(name: Name, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show which bars are there, symbols by time."""
    from tradewind.store.coverage import coverage as count

    found = count(name, as_of)
    print(json.dumps(found.to_dict()) if as_json else found)


def tag(
    name: Name, label: Annotated[str, typer.Argument(help="The tag; it never moves.")], as_of: AsOf = None
) -> None:
    """Give a snapshot a name that never moves."""
    from tradewind.store import maintenance
    from tradewind.store.repository import Store

    print(maintenance.tag(Store(root_of(name)[0]), name, label, as_of))


def verify(name: Name, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Read every chunk with its checksum, check what must always hold; exit code 2 if something is wrong."""
    from tradewind.store import maintenance
    from tradewind.store.repository import Store

    found = maintenance.verify(Store(root_of(name)[0]), name, as_of=as_of)
    if as_json:
        print(json.dumps(found.__dict__ | {"problems": list(found.problems)}))
    else:
        print(f"{name} at {found.snapshot}: {found.arrays} fields, {found.values:,} values read")
    if found.problems:
        raise DataQualityError(
            f"{name!r} is damaged: {'; '.join(found.problems)}.", "Restore it from a copy."
        )


def compact(name: Name) -> None:
    """Rewrite a dataset in its best chunk shape; readers notice nothing."""
    from tradewind.store import maintenance
    from tradewind.store.repository import Store

    print(maintenance.compact(Store(root_of(name)[0]), name))


def expire(
    name: Name,
    before: Annotated[
        str, typer.Argument(help="Forget snapshots older than this date, but for the last of them.")
    ],
    dry_run: DryRun = False,
) -> None:
    """Forget old snapshots that no tag and no run card names, and free their space."""
    from tradewind.settings import load_settings
    from tradewind.store import maintenance
    from tradewind.store.moments import moment
    from tradewind.store.repository import Store

    store = Store(root_of(name)[0])
    older = datetime.fromtimestamp(moment(before).astype("M8[s]").astype(int), UTC)
    keep = maintenance.pinned(load_settings().paths.runs).get(name, set())
    gone = maintenance.expire(store, name, older, keep=keep, dry_run=dry_run)
    freed = maintenance.collect_garbage(store, name, dry_run=dry_run)
    verb = "would be released" if dry_run else "released"
    print(f"{len(gone.snapshots)} snapshots {verb}, {freed['bytes_deleted']:,} bytes freed")


def copy(
    name: Name,
    target: Annotated[
        str, typer.Argument(help="Another name, or a store's URL: file:///folder, s3://bucket/prefix.")
    ],
) -> None:
    """Copy a dataset with its whole history; snapshot ids and commit times stay what they are."""
    from tradewind.store import moving
    from tradewind.store.repository import Store

    source = Store(root_of(name)[0])
    if "://" in target:
        moving.copy(source, name, Store(Root(target, s3_options())))
        return
    goal = mine_root() if target.startswith(MINE_PREFIX) else root_of(target)[0]
    moving.copy(source, name, Store(goal), target)


def rename(name: Name, new_name: Annotated[str, typer.Argument(help="In the same store.")]) -> None:
    """Rename a dataset; readers at work finish undisturbed."""
    from tradewind.store import moving
    from tradewind.store.repository import Store

    moving.rename(Store(root_of(name)[0]), name, new_name)


def delete(name: Name) -> None:
    """Hide a dataset; `restore` brings it back, `purge` removes it after a week."""
    from tradewind.store import moving
    from tradewind.store.repository import Store

    moving.delete(Store(root_of(name)[0]), name)


def restore(name: Name) -> None:
    """Bring a deleted dataset back."""
    from tradewind.store import moving
    from tradewind.store.repository import Store

    moving.undelete(Store(root_of(name)[0]), name)


def purge(name: Name) -> None:
    """Remove a deleted dataset for good, if a week has passed."""
    from tradewind.store import moving
    from tradewind.store.repository import Store

    done = moving.purge(Store(root_of(name)[0]), name)
    print(f"{name} is gone." if done else f"{name} stays for its week of grace.")


COMMANDS = (quality, tag, verify, compact, expire, copy, rename, delete, restore, purge, coverage, restated)


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in COMMANDS:
        app.command()(command)
