"""The doctor's look at the state folder and at what runs: secrets, databases, store, ports, programs."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tradewind.database import engine
from tradewind.hub import supervision_processes as processes
from tradewind.hub import upgrade
from tradewind.hub.doctor import Finding, fault, good, note
from tradewind.hub.supervision_control import State, Supervisor
from tradewind.hub.supervision_hub import Hub
from tradewind.hub.supervision_watch import ask, knows_the_hub
from tradewind.migrations import VERSION_TABLE, all_tables
from tradewind.settings import Settings


def check_state_folder(settings: Settings) -> Iterator[Finding]:
    """The state folder's version and owner."""
    found = upgrade.refuse_newer(settings)
    home = settings.paths.home
    if found == 0:
        yield note("state", f"{home} is new.", "`make up` fills it.")
        return
    if home.stat().st_uid != os.getuid():
        yield fault("state", f"{home} belongs to another user.", "Work as its owner, or chown -R it to you.")
    elif not os.access(home, os.W_OK):
        yield fault("state", f"{home} cannot be written.", "Give its owner the right to write.")
    else:
        yield good("state", f"{home}, version {found}")


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """That nobody else can read secrets and databases."""
    open_ones = [p for p in _private(settings) if p.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    for path in open_ones:
        right = "700" if path.is_dir() else "600"
        yield fault(
            "secrets",
            f"Others may get at {path} (mode {stat.S_IMODE(path.stat().st_mode):o}).",
            f"chmod {right} {path}; if somebody may have read it, delete it and run `make restart`",
        )
    empty = [p for p in settings.paths.secrets.glob("*") if p.suffix == "" and p.stat().st_size == 0]
    for path in empty:
        yield fault("secrets", f"{path} is empty.", f"rm {path} && make restart   (a new one is generated)")
    if not open_ones and not empty:
        yield good("secrets", "readable by their owner only")


def _private(settings: Settings) -> list[Path]:
    folders = [p for p in (settings.paths.secrets, settings.paths.database) if p.exists()]
    files = [file for folder in folders[:1] for file in folder.iterdir() if file.is_file()]
    return [*folders, *files]


def check_database(settings: Settings) -> Iterator[Finding]:
    """That the platform's database answers, is whole, and has the tables of this version."""
    if upgrade.version(settings) == 0:
        return
    found = engine(settings.database)
    try:
        with found.connect() as connection:
            if found.dialect.name == "sqlite":
                answer = connection.execute(sa.text("PRAGMA quick_check")).scalar()
                if answer != "ok":
                    yield fault("database", f"It is damaged: {answer}.", _FROM_BACKUP)
                    return
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            present = context.get_current_revision()
            head = ScriptDirectory.from_config(upgrade.alembic_config(settings)).get_current_head()
            if present != head:
                yield fault(
                    "database",
                    f"Its schema is {present}, not {head}.",
                    "`make restart` brings it up to date.",
                )
                return
            missing = _missing_tables(context)
    except sa.exc.SQLAlchemyError as problem:
        yield fault("database", f"It does not answer: {problem.__cause__ or problem}.", _FROM_BACKUP)
        return
    if missing:
        yield fault("database", f"Tables or columns are missing: {', '.join(missing[:5])}.", _FROM_BACKUP)
    else:
        yield good("database", f"{found.dialect.name} answers, schema {present}")


_FROM_BACKUP = "See whether database_url is right and its server runs, or bring back a backup."


def _missing_tables(context: MigrationContext) -> list[str]:
    differences = [d for d in compare_metadata(context, all_tables()) if isinstance(d, tuple)]
    lacking = [d for d in differences if d[0] in ("add_table", "add_column")]
    return [d[1].name if d[0] == "add_table" else f"{d[2]}.{d[3].name}" for d in lacking]


def check_store(settings: Settings) -> Iterator[Finding]:
    """That every shared dataset can be opened."""
    # Imported here: half a second that only this check needs.
    from tradewind.store.repository import Store
    from tradewind.store.roots import from_settings

    store = Store(from_settings(settings))
    names = list(store.datasets())
    if not names:
        if upgrade.version(settings):
            yield fault("store", f"There is no dataset in {settings.store}.", "`make restart` seeds some.")
        return
    broken = []
    for name in names:
        try:
            store.info(name)
        except Exception as problem:  # noqa: BLE001  whatever a damaged repository raises
            broken.append(name)
            yield fault(
                "store",
                f"Dataset {name!r} cannot be read: {problem}.",
                "Restore it from a backup; a sample is seeded again once its folder is gone.",
            )
    if not broken:
        yield good("store", f"{len(names)} datasets can be read")


def check_programs(settings: Settings) -> Iterator[Finding]:
    """That every program runs and answers; when the platform is down, that its ports are free."""
    supervisor = Supervisor(settings)
    if not supervisor.alive():
        left = processes.belonging(settings)
        if left:
            yield fault(
                "programs",
                f"The supervisor is gone, and {len(left)} of the platform's processes are left.",
                "`make up` takes over, `make down` ends them.",
            )
        else:
            yield note("programs", "The platform is down.", "`make up` starts it.")
        for port in processes.ports(settings):
            if not left and not processes.is_free(port):
                yield fault(
                    "ports",
                    f"Port {port.number}, for {port.purpose}, is taken by {processes.holder(port)}.",
                    "Stop that, or choose other ports with TRADEWIND_PORT.",
                )
        return
    bad = [p for p in supervisor.programs() if p.state is not State.RUNNING]
    for program in bad:
        yield fault("programs", f"{program.name} is {program.state}.", f"See {program.log}")
    if not bad:
        yield good("programs", f"{len(supervisor.programs())} programs run")
    yield from _answers(settings)


_ASKS_WHO = (200, 302, 303, 401, 403, 404)
"""What the dashboard host answers to somebody it does not know."""


def _answers(settings: Settings) -> Iterator[Finding]:
    if Hub(settings).answers():
        yield good("hub", f"answers at 127.0.0.1:{settings.hub_port}")
    else:
        yield fault("hub", "The hub does not answer.", f"See {settings.paths.logs / 'hub.log'}; make restart")
    base = settings.base_url.rstrip("/")
    for name, port, path, accepted in (
        ("service", settings.service_port, f"{base}/services/tradewind/api/health", (200,)),
        (
            "dashboards",
            settings.dashboards_port,
            f"{base}/services/dashboards/",
            (200, 302, 303, 401, 403, 404),
        ),
    ):
        status, _ = ask(port, "GET", path, "")
        if status in accepted:
            yield good(name, f"answers at 127.0.0.1:{port}")
        else:
            said = f"answers {status}" if status else "does not answer"
            yield fault(name, f"The {name} program {said}.", f"See {settings.paths.logs / (name + '.log')}")
    status, routes = ask(settings.proxy_api_port, "GET", "/api/routes", settings.paths.secret("proxy"))
    if status == 403:
        yield fault("proxy", "The proxy does not accept our token.", "`make restart`")
    elif status != 200:
        yield fault("proxy", "The proxy does not answer.", f"See {settings.paths.logs / 'proxy.log'}")
    elif not knows_the_hub(routes):
        yield fault("proxy", "The proxy has no routes.", "Wait a few seconds; then see watch.log and hub.log")
    else:
        yield good("proxy", f"{len(routes)} routes")


ALL = (check_state_folder, check_secrets, check_database, check_store, check_programs)
