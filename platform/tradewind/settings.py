"""Every setting of the platform, read once at the edges from the environment and ``tradewind.toml``.

A setting is named ``TRADEWIND_<NAME>`` in the environment, or ``<name>`` in ``tradewind.toml`` in the state
folder; the environment wins. Kernels and runs see a sandboxed subset of the environment only.
"""

import hashlib
import os
import secrets as token_source
import tempfile
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tradewind.errors import SetupError

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout this package runs from (editable install)."""


DEFAULT_HOME = REPOSITORY / "var" if (REPOSITORY / "hub_config.py").exists() else Path("var")
"""The state folder where nothing else is said: in the checkout, whichever folder a command is given in."""

STARTED_WITH = Path("secrets") / "started-with.toml"
"""Below the state folder: the settings that the running platform took from its environment."""


class Isolation(StrEnum):
    """How users are kept apart on one machine."""

    AUTO = "auto"
    """bubblewrap where it works, otherwise only the first administrator may start a server."""
    BUBBLEWRAP = "bubblewrap"
    """bubblewrap or nothing: refuse to start where it does not work."""
    NONE = "none-users-share-everything"
    """No isolation although several users exist; said in words because it shares every secret."""


class Network(StrEnum):
    """What a sandbox may reach."""

    PROXY = "proxy"
    """Its own network namespace; the internet through the egress proxy, nothing on this machine."""
    NONE = "none"
    """Its own network namespace and nothing else than the platform's own API."""


class Settings(BaseSettings):
    """Settings of one installation."""

    model_config = SettingsConfigDict(env_prefix="TRADEWIND_", extra="ignore", frozen=True)

    home: Path = DEFAULT_HOME
    """The state folder."""
    bind: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65530)
    """The public port. The four ports above it are used on loopback (see the ``*_port`` properties)."""
    base_url: str = "/"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_proxy: bool = False
    """Says that a proxy in front of the platform terminates TLS."""

    store_url: str = ""
    """Root of the shared datasets: ``file://…`` or ``s3://bucket/prefix``; empty means ``<home>/store``."""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_path_style: bool = True
    database_url: str = ""
    """Jobs, dashboards, accounts, audit. Empty means SQLite in the state folder; PostgreSQL by URL."""
    hub_database_url: str = ""

    admin_name: str = "admin"
    allow_signup: bool = True
    minimum_password_length: int = Field(default=10, ge=8)
    authenticator: Literal["local", "github", "google", "oidc"] = "local"
    oauth_client_id: str = ""
    oauth_client_secret: SecretStr = SecretStr("")
    oauth_authorize_url: str = ""
    oauth_token_url: str = ""
    oauth_userdata_url: str = ""
    oauth_username_claim: str = "preferred_username"
    oauth_callback_url: str = ""
    oauth_allow: tuple[str, ...] = ()
    """Who need not wait for approval: ``user:NAME``, ``org:NAME`` (GitHub organisation),
    ``domain:NAME`` (Google Workspace), ``group:NAME`` (a group in the provider's answer)."""
    oauth_groups_claim: str = "groups"
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of TLS proxies in front of the platform, whose ``X-Forwarded-For`` is believed."""
    named_servers: int = Field(default=0, ge=0)
    """How many servers with a name of their own a user may have beside the usual one."""

    isolation: Isolation = Isolation.AUTO
    network: Network = Network.PROXY
    egress_ports: tuple[int, ...] = (80, 443)
    """Ports on the internet that sandboxes may reach."""
    egress_allow: tuple[str, ...] = ()
    """Exceptions for private networks (a package index): host names, ``.suffixes`` or networks."""
    memory_limit: str = ""
    """Memory of one user server, such as ``4G``; empty means no limit."""
    cpu_limit: float = 0.0
    """Cores of one user server; 0 means no limit."""
    warm_kernels: bool = True
    """Keep a warm process in each user's sandbox that kernels are forked from: quicker, for some memory."""
    idle_timeout: int = 3600
    """Seconds after which an idle server is stopped; 0 means never."""
    workers: int = Field(default=1, ge=1)
    worker_concurrency: int = Field(default=2, ge=1)
    runs_per_user: int = Field(default=2, ge=1)
    run_lease_seconds: float = 30.0
    dashboard_idle_timeout: int = 1800
    upload_limit_mb: int = 64

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then what the running platform was started with, then ``tradewind.toml``.

        The second is written by ``make up`` and gone after ``make down``: with it, the platform's programs
        and other shells know what was said as ``TRADEWIND_PORT=9000 make up``.
        """
        home = Path(os.environ.get("TRADEWIND_HOME") or DEFAULT_HOME)
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, home / STARTED_WITH),
            TomlConfigSettingsSource(settings_cls, home / "tradewind.toml"),
        )

    @model_validator(mode="after")
    def _serve_in_the_open_only_with_tls(self) -> Self:
        loopback = self.bind == "localhost"
        if not loopback:
            try:
                loopback = ip_address(self.bind).is_loopback
            except ValueError:
                loopback = False
        if not loopback and not self.tls_proxy and not (self.tls_cert and self.tls_key):
            raise SetupError(
                f"Tradewind does not listen on {self.bind} without TLS: passwords would travel in clear.",
                "Set tls_cert and tls_key, or tls_proxy = true if a TLS proxy stands in front.",
            )
        return self

    @cached_property
    def paths(self) -> "Paths":
        """Where everything lives."""
        return Paths(self.home.expanduser().resolve())

    @property
    def proxy_api_port(self) -> int:
        """The proxy's control API, on loopback."""
        return self.port + 1

    @property
    def hub_port(self) -> int:
        """The hub, on loopback."""
        return self.port + 2

    @property
    def service_port(self) -> int:
        """The service (API and pages), on loopback."""
        return self.port + 3

    @property
    def dashboards_port(self) -> int:
        """The dashboard host, on loopback."""
        return self.port + 4

    @property
    def scheme(self) -> str:
        """How browsers reach the platform's own port."""
        return "https" if self.tls_cert else "http"

    @property
    def public_url(self) -> str:
        """The address to open in a browser, without a trailing slash."""
        host = "127.0.0.1" if self.bind in ("", "0.0.0.0", "::") else self.bind  # noqa: S104
        return f"{self.scheme}://{host}:{self.port}{self.base_url}".rstrip("/")

    @property
    def store(self) -> str:
        """The root URL of the shared datasets."""
        return self.store_url or f"file://{self.paths.store}"

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the platform's database."""
        return self.database_url or f"sqlite:///{self.paths.database / 'tradewind.sqlite'}"

    @property
    def hub_database(self) -> str:
        """SQLAlchemy URL of the hub's database."""
        return self.hub_database_url or f"sqlite:///{self.paths.database / 'hub.sqlite'}"


class Paths:
    """The layout of a state folder.

    Parameters
    ----------
    home
        The absolute state folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.secrets = home / "secrets"
        self.database = home / "db"
        self.store = home / "store"
        self.homes = home / "homes"
        self.runs = home / "runs"
        self.dashboards = home / "dashboards"
        self.archive = home / "archive"
        self.logs = home / "logs"

    @property
    def runtime(self) -> Path:
        """Sockets and pid files: a short path, because a Unix socket's may have 107 characters at most."""
        base = os.environ.get("TRADEWIND_RUNTIME")
        if base:
            return Path(base)
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"tradewind-{os.getuid()}-{digest}"

    def user_home(self, name: str) -> Path:
        """The home of a user, by escaped name."""
        return self.homes / name

    def create(self) -> None:
        """Create the folders, readable by nobody else."""
        for folder in (self.home, self.secrets, self.database, self.store, self.homes, self.runs,
                       self.dashboards, self.archive, self.logs, self.runtime):  # fmt: skip
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self.runtime.stat()
        if owner.st_uid != os.getuid():
            raise SetupError(
                f"{self.runtime} belongs to another user.", "Set TRADEWIND_RUNTIME to a folder of your own."
            )

    def secret(self, name: str) -> str:
        """Read a generated secret, creating it at first use (mode 600)."""
        path = self.secrets / name
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(fd, "w") as file:
            value = token_source.token_hex(32)
            file.write(value + "\n")
        return value


def load_settings() -> Settings:
    """Read the settings of this installation from the environment and the state folder."""
    return Settings()
