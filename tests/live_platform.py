"""A real platform for tests: started as ``make up`` does, in a folder and on ports of its own."""

import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
from tradewind.hub import accounts, credentials
from tradewind.hub.supervision_control import ProgramStatus, Supervisor
from tradewind.hub.supervision_processes import belonging
from tradewind.settings import Settings

PORTS = 5
TRADEWIND = Path(sys.executable).parent / "tradewind"


def port_base() -> int:
    """Return the first of five free ports in a row, below those the system gives out by itself."""
    for _ in range(200):
        base = random.randrange(11_000, 32_000, 10)
        try:
            for port in range(base, base + PORTS):
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no five free ports in a row")


def wait_for(condition: Callable[[], Any], what: str, *, seconds: float = 60.0, every: float = 0.1) -> Any:
    """Wait until a condition holds and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(every)


class LivePlatform:
    """One running installation.

    Parameters
    ----------
    home
        Its state folder.
    port
        Its public port.
    extra
        Further ``TRADEWIND_*`` settings.
    """

    password_of_users = "a-quite-long-passphrase-42"

    def __init__(self, home: Path, port: int | None = None, **extra: str) -> None:
        self.port = port or port_base()
        given = {"TRADEWIND_HOME": str(home), "TRADEWIND_PORT": str(self.port), **extra}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TRADEWIND_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = {**kept, **given}
        fields = {k.removeprefix("TRADEWIND_").lower(): v for k, v in given.items()}
        self.settings = Settings(**{k: v for k, v in fields.items() if k in Settings.model_fields})  # type: ignore[arg-type]
        self.url = self.settings.public_url
        cert = self.settings.tls_cert
        self.verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=cert) if cert else True
        self.admin = self.settings.admin_name
        self.admin_password = ""
        self.said = ""

    def tradewind(
        self, *arguments: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run the shell command against this platform."""
        done = subprocess.run(
            [str(TRADEWIND), *arguments],
            env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def up(self) -> Self:
        """Start, as ``make up`` does; remembers the administrator's password of the first start."""
        self.said = self.tradewind("admin", "up").stdout
        shown = re.search(r"Sign in as +(\S+) / (\S+)", self.said)
        if shown:
            self.admin, self.admin_password = shown.groups()
        return self

    def down(self) -> None:
        """Stop, as ``FORCE=1 make down`` does."""
        self.tradewind("admin", "down", "--force")
        left = [" ".join(p.cmdline())[:200] for p in belonging(self.settings)]
        assert not left, f"left behind: {left}"

    # ---- programs ----

    def program(self, name: str) -> ProgramStatus:
        """Return the state of one program."""
        return next(p for p in Supervisor(self.settings).programs() if p.name == name)

    def kill(self, name: str) -> int:
        """``kill -9`` one program; the supervisor brings it back. Returns the process that was killed."""
        pid = self.program(name).pid
        os.kill(pid, 9)
        return pid

    def log(self, name: str, lines: int = 60) -> str:
        """Return the end of a program's log."""
        file = self.settings.paths.logs / f"{name}.log"
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])

    # ---- people ----

    def add_user(self, name: str, *, admin: bool = False) -> str:
        """Create an approved account that knows its password, and the hub's user; returns the password."""
        generated = accounts.create(self.settings, name, actor=self.admin)
        credentials.set_password(self.settings, name, self.password_of_users, actor=name, current=generated)
        if admin:
            accounts.set_admin(self.settings, name, True, actor=self.admin)
        self.hub("POST", f"users/{name}", json={"admin": admin})
        return self.password_of_users

    def hub(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """Call the hub's REST API, by default with the rights of the platform's own service."""
        with httpx.Client(trust_env=False, timeout=90, verify=self.verify) as client:
            return client.request(
                method,
                f"{self.url}/hub/api/{path}",
                headers={"Authorization": f"token {token or self.settings.paths.secret('service')}"},
                **options,
            )

    def token(self, name: str) -> str:
        """Return a new token with all rights of a user."""
        answer = self.hub("POST", f"users/{name}/tokens", json={"note": "tests"})
        answer.raise_for_status()
        return str(answer.json()["token"])

    def api(self, name: str | None = None) -> httpx.Client:
        """Return a client of the service's REST API in the name of a user (the administrator by default)."""
        return httpx.Client(
            base_url=f"{self.url}/services/tradewind/api/",
            headers={"Authorization": f"token {self.token(name or self.admin)}"},
            timeout=60,
            trust_env=False,
            verify=self.verify,
        )

    def sign_in(self, name: str, password: str, **fields: str) -> httpx.Client:
        """Sign in through the login form, as a browser does; returns the client with its cookies."""
        client = httpx.Client(
            base_url=self.url, follow_redirects=True, timeout=60, trust_env=False, verify=self.verify
        )
        page = client.get("/hub/login")
        form = {
            "username": name,
            "password": password,
            "_xsrf": client.cookies.get("_xsrf", path=f"{self.settings.base_url}hub/"),
            **fields,
        }
        answer = client.post("/hub/login", data=form, headers={"Referer": str(page.url)})
        assert answer.status_code == 200 and "/hub/login" not in str(answer.url), (
            f"{name}: {answer.status_code} {answer.url}"
        )
        return client

    # ---- servers ----

    def start_server(self, name: str, *, seconds: float = 60.0) -> str:
        """Start a user's server and wait until it is ready; returns its path."""
        answer = self.hub("POST", f"users/{name}/server")
        assert answer.status_code in (201, 202), answer.text
        wait_for(lambda: self.server(name).get("ready"), f"the server of {name}", seconds=seconds)
        return str(self.server(name)["url"])

    def server(self, name: str) -> dict[str, Any]:
        """Return the hub's model of a user's server, empty when there is none."""
        servers: dict[str, dict[str, Any]] = self.hub("GET", f"users/{name}").json().get("servers") or {}
        return servers.get("", {})

    def stop_server(self, name: str, *, seconds: float = 30.0) -> None:
        """Stop a user's server and wait until it is gone."""
        self.hub("DELETE", f"users/{name}/server")
        wait_for(lambda: not self.server(name), f"the end of the server of {name}", seconds=seconds)
