"""Accounts, for administrators: approve, reject, reset, unlock, remove."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jupyterhub import roles
from jupyterhub.scopes import needs_scope
from tornado import web

from tradewind import audit
from tradewind.errors import InvalidInputError, TradewindError
from tradewind.hub import accounts, credentials, passwords, removal, sessions, totp
from tradewind.hub.handlers.page import Page

PAGE = 50
NEVER = datetime.min.replace(tzinfo=UTC)
SORTS: Mapping[str, Callable[[accounts.Account], Any]] = {
    "name": lambda account: account.name,
    "rights": lambda account: (not account.admin, account.name),
    "-last": lambda account: (NEVER - (account.last_sign_in_at or NEVER), account.name),
}


class AccountsHandler(Page):
    """The list of accounts and what can be done to each."""

    async def _page(self, *, status: int = 200, **values: Any) -> None:
        found = await passwords.in_pool(accounts.list_accounts, self.tradewind)
        search = self.get_query_argument("q", "").strip().lower()
        chosen = accounts.normal(self.get_query_argument("name", ""))
        shown = [self._as_the_hub_knows(account) for account in found if search in account.name]
        approved = sorted((account for account in shown if account.approved), key=SORTS[self._sort()])
        first, last = self._page_of(len(approved))
        await self.show(
            "tw/accounts.html",
            status=status,
            search=search,
            chosen=next((account for account in shown if account.name == chosen and account.approved), None),
            waiting=[account for account in shown if not account.approved],
            accounts=approved[first:last],
            count=len(approved),
            begin_at=first,
            page_size=PAGE,
            sort=self._sort(),
            heirs=[account.name for account in found if account.approved],
            first=accounts.normal(self.tradewind.admin_name),
            entries=await passwords.in_pool(audit.entries, self.tradewind, action="account.", limit=12),
            local=self.tradewind.authenticator == "local",
            **values,
        )

    def _sort(self) -> str:
        wanted = self.get_query_argument("sort", "name")
        return wanted if wanted in SORTS else "name"

    def _page_of(self, count: int) -> tuple[int, int]:
        """Return the slice of the page that the address asks for, within what there is."""
        wanted = self.get_query_argument("from", "0")
        first = int(wanted) if wanted.isdecimal() and len(wanted) < 9 else 0
        first = min(first, max(0, count - 1)) // PAGE * PAGE
        return first, first + PAGE

    def _as_the_hub_knows(self, account: accounts.Account) -> accounts.Account:
        """The hub's own flag decides who is an administrator once somebody has signed in."""
        user = self.find_user(account.name)
        return account if user is None else replace(account, admin=bool(user.admin))

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Show the accounts."""
        await self._page()

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Do one thing to one account."""
        action, name = self.field("action"), accounts.normal(self.field("name"))
        try:
            values = await self._do(action, name, self.current_user.name)
        except TradewindError as problem:
            await self._page(status=problem.status, message=str(problem))
            return
        await self._page(**values)

    async def _do(self, action: str, name: str, actor: str) -> dict[str, Any]:
        settings, call = self.tradewind, passwords.in_pool
        if action == "approve":
            await call(accounts.approve, settings, name, actor=actor)
            return {"done": f"{name} may sign in now."}
        if action == "reject":
            await call(accounts.reject, settings, name, actor=actor)
            return {"done": f"The request of {name} is rejected."}
        if action == "create":
            secret = await call(accounts.create, settings, name, actor=actor)
            done = f"The account {name} is ready. Its password for the first sign-in, shown once:"
            return {"done": done, "secret": secret}
        if action == "reset-password":
            secret = await call(credentials.reset_password, settings, name, actor=actor)
            if user := self.find_user(name):
                sessions.end(user)
            done = f"The new password of {name}, shown once; the next sign-in asks for another one:"
            return {"done": done, "secret": secret}
        if action == "reset-second-factor":
            await call(totp.reset_second_factor, settings, name, actor=actor)
            return {"done": f"{name} signs in without a second factor now."}
        if action == "unlock":
            await call(accounts.unlock, settings, name, actor=actor)
            return {"done": f"The failed attempts of {name} are forgotten."}
        if action in ("make-admin", "drop-admin"):
            return await self._set_admin(name, action == "make-admin", actor)
        if action == "remove":
            removed = await removal.remove(settings, name, to=self.field("to") or actor, actor=actor)
            return {"done": removed.in_words()}
        raise InvalidInputError(f"Unknown action {action!r}.")

    async def _set_admin(self, name: str, admin: bool, actor: str) -> dict[str, str]:
        if name == actor and not admin:
            raise InvalidInputError("You cannot take your own rights away.", "Ask another administrator.")
        await passwords.in_pool(accounts.set_admin, self.tradewind, name, admin, actor=actor)
        user = self.find_user(name)
        if user is not None:
            user.admin = admin
            roles.assign_default_roles(self.db, entity=user.orm_user)
            self.db.commit()
            sessions.join_administrators(user)
        return {"done": f"{name} is {'an administrator now' if admin else 'no longer an administrator'}."}
