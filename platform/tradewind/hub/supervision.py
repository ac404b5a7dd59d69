"""The programs of one installation, and the supervisor configuration made from them.

Pure functions from settings to text: nothing here starts anything (see ``supervision_control``).
"""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tradewind.settings import REPOSITORY, Settings

_KEPT = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
_KEPT_PREFIXES = ("LC_", "SSL_CERT_", "PIP_", "UV_", "NUMBA_")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised program.

    Parameters
    ----------
    name
        Its name in ``make status`` and of its log.
    argv
        What is started.
    stop_seconds
        How long it may take to stop before it is killed. Only the process itself is signalled: what it has
        started (user servers, runs) lives in sessions of its own.
    """

    name: str
    argv: tuple[str, ...]
    stop_seconds: int = 15


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs this environment's Python, safe from modules in the working folder."""
    return (sys.executable, "-P", *arguments)


def programs(settings: Settings) -> tuple[Program, ...]:
    """Return every program of an installation, in the order in which they start.

    Parameters
    ----------
    settings
        The installation's settings.
    """

    def of_ours(name: str, module: str, stop_seconds: int = 15) -> Program:
        return Program(name=name, argv=python("-m", module), stop_seconds=stop_seconds)

    hub = Program(
        name="hub",
        argv=python("-m", "jupyterhub", "-f", str(REPOSITORY / "hub_config.py")),
        stop_seconds=35,  # a hub waits for pending starts and stops of servers
    )
    listed = [
        of_ours("gateway", "tradewind.hub.gateway"),
        of_ours("proxy", "tradewind.hub.proxy", 5),
        hub,
        of_ours("service", "tradewind.service"),
        of_ours("dashboards", "tradewind.publish.host"),
        *(
            of_ours(f"worker-{number}", "tradewind.jobs.worker", 20)
            for number in range(1, settings.workers + 1)
        ),
        of_ours("watch", "tradewind.hub.supervision_watch", 5),
    ]
    if settings.idle_timeout > 0:
        listed.append(of_ours("culler", "tradewind.hub.supervision_culler", 5))
    return tuple(listed)


def renews_itself(name: str) -> bool:
    """Say whether a program exchanges its inside on SIGHUP, without ending the work in hand.

    Parameters
    ----------
    name
        The program.
    """
    return name.startswith("worker-")


def environment(settings: Settings, source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which the platform's programs run.

    Only what they need is taken over from the shell that runs ``make up``: whatever else an administrator's
    shell holds (cloud keys, tokens) has no place in a hub. Settings are not handed on this way but by
    the file ``STARTED_WITH``, so that a restart can renew them and none of them shows in ``/proc``.

    Parameters
    ----------
    settings
        The installation's settings.
    source
        The environment to take from; this process's own by default.
    """
    given = os.environ if source is None else source
    kept = {k: v for k, v in given.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    own = str(Path(sys.executable).parent)
    path = [own, *(p for p in kept.get("PATH", os.defpath).split(os.pathsep) if p != own)]
    return {
        **kept,
        "PATH": os.pathsep.join(path),
        "TRADEWIND_HOME": str(settings.paths.home),
        "TRADEWIND_RUNTIME": str(settings.paths.runtime),
        "PYTHONUNBUFFERED": "1",
    }


def _plain(value: str | Path) -> str:
    return str(value).replace("%", "%%")  # supervisor expands %(name)s everywhere


def configuration(settings: Settings) -> str:
    """Return the text of the supervisor's configuration.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    paths = settings.paths
    text = [
        "; Written by `tradewind admin up`; changes are lost at the next start.",
        "[unix_http_server]",
        f"file = {_plain(socket(settings))}",
        "chmod = 0600",
        "username = tradewind",
        f"password = {paths.secret('supervisor')}",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "",
        "[supervisord]",
        "nodaemon = true",
        "silent = true",
        "umask = 077",
        f"directory = {_plain(paths.home)}",
        f"pidfile = {_plain(pid_file(settings))}",
        f"logfile = {_plain(paths.logs / 'supervisor.log')}",
        "logfile_maxbytes = 10MB",
        "logfile_backups = 3",
        f"childlogdir = {_plain(paths.logs)}",
        f"identifier = tradewind-{paths.home.name.replace('%', '')}",
        "",
    ]
    for program in programs(settings):
        text += [
            f"[program:{program.name}]",
            f"command = {_plain(shlex.join(program.argv))}",
            f"directory = {_plain(paths.home)}",
            "autostart = true",
            "autorestart = true",
            "startsecs = 2",
            "startretries = 1000",  # a database or disk that is away for an hour is not a reason to give up
            f"stopwaitsecs = {program.stop_seconds}",
            # The program alone, never its children: user servers and runs outlive hub and workers.
            "stopasgroup = false",
            "killasgroup = false",
            "redirect_stderr = true",
            f"stdout_logfile = {_plain(paths.logs / (program.name + '.log'))}",
            "stdout_logfile_maxbytes = 10MB",
            "stdout_logfile_backups = 5",
            "",
        ]
    return "\n".join(text)


def socket(settings: Settings) -> Path:
    """Return the supervisor's control socket."""
    return settings.paths.runtime / "supervisor.sock"


def pid_file(settings: Settings) -> Path:
    """Return the supervisor's pid file."""
    return settings.paths.runtime / "supervisor.pid"


def configuration_file(settings: Settings) -> Path:
    """Return where the supervisor's configuration is written."""
    return settings.paths.runtime / "supervisor.conf"
