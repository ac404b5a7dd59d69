"""The part of ``tradewind admin`` that looks after accounts, for whoever owns the state folder.

These work without a running hub, so that a forgotten administrator's password can be replaced; only removing
a user needs it.
"""

import asyncio
import json
from typing import Annotated

import typer

from tradewind.hub import accounts, credentials, removal, totp
from tradewind.settings import Settings, load_settings

Json = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Name = Annotated[str, typer.Argument(help="The user's name.")]
NameOrAdmin = Annotated[str, typer.Argument(help="The user's name; the first administrator when left out.")]


def _actor(settings: Settings) -> str:
    """The shell acts in the name of the first administrator, whose state folder it is."""
    return accounts.normal(settings.admin_name)


def users(as_json: Json = False) -> None:
    """List the accounts, those that wait for approval first."""
    listed = sorted(accounts.list_accounts(load_settings()), key=lambda a: (a.approved, a.name))
    if as_json:
        document = [
            {
                "name": a.name,
                "approved": a.approved,
                "admin": a.admin,
                "origin": a.origin,
                "second_factor": a.second_factor,
                "created_at": a.created_at.isoformat(),
                "last_sign_in_at": a.last_sign_in_at.isoformat() if a.last_sign_in_at else None,
            }
            for a in listed
        ]
        print(json.dumps(document))
        return
    for account in listed:
        facts = [
            "administrator" if account.admin else "",
            "" if account.approved else "waits for approval: tradewind admin approve " + account.name,
            "second factor" if account.second_factor else "",
        ]
        print(f"{account.name:<24}{', '.join(f for f in facts if f)}".rstrip())


def add_user(name: Name) -> None:
    """Create an account that may sign in, with a generated password shown once."""
    settings = load_settings()
    password = accounts.create(settings, name, actor=_actor(settings))
    print(f"{accounts.normal(name)} / {password}   (shown once; to be changed at the first sign-in)")


def approve(name: Name) -> None:
    """Let somebody who has signed up sign in."""
    settings = load_settings()
    accounts.approve(settings, name, actor=_actor(settings))
    print(f"{accounts.normal(name)} may sign in.")


def reset_password(name: NameOrAdmin = "") -> None:
    """Give an account a new generated password, shown once."""
    settings = load_settings()
    name = name or settings.admin_name
    password = credentials.reset_password(settings, name, actor=_actor(settings))
    print(f"{accounts.normal(name)} / {password}   (shown once; to be changed at the next sign-in)")


def reset_second_factor(name: NameOrAdmin = "") -> None:
    """Take away an account's second factor, so that a password is enough until a new one is set up."""
    settings = load_settings()
    name = name or settings.admin_name
    totp.reset_second_factor(settings, name, actor=_actor(settings))
    print(f"{accounts.normal(name)} signs in with the password alone now.")


def remove_user(
    name: Name,
    to: Annotated[str, typer.Option(help="Who gets the schedules, runs and dashboards.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a user: servers stopped, tokens revoked, files archived, shares handed over."""
    settings = load_settings()
    if not yes:
        typer.confirm(f"Remove {name}?", abort=True)
    heir = to or settings.admin_name
    done = asyncio.run(removal.remove(settings, name, to=heir, actor=_actor(settings)))
    print(done.in_words())


COMMANDS = (users, add_user, approve, reset_password, reset_second_factor, remove_user)
