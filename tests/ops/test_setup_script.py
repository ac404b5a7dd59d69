"""platform/setup.sh: which Python it takes, what it says when there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "platform" / "setup.sh"


def shell(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code with the functions of the script, without its work."""
    functions = (
        SCRIPT.read_text().rsplit("\npackages\n", 1)[0].replace('cd "$(dirname "$0")/.."', f"cd '{ROOT}'")
    )
    kept = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
    return subprocess.run(
        ["sh", "-c", functions + "\n" + code], env=kept, capture_output=True, text=True, check=False
    )


def fake(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + text + "\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def bare_path(tmp_path) -> str:
    """A PATH with the plain tools and no Python."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "cat", "cksum", "find", "sort", "mkdir", "df", "awk", "dirname", "uname"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tools / name).symlink_to(found)
    return str(tools)


def test_a_shim_that_fails_is_passed_over(tmp_path, bare_path):
    fake(tmp_path / "shims", "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    fake(tmp_path / "good", "python3.12", f'exec "{sys.executable}" "$@"')
    told = shell("find_python", PATH=f"{tmp_path}/shims:{tmp_path}/good:{bare_path}")
    assert told.stdout.strip() == sys.executable, told.stderr


def test_pyenv_versions_are_found_without_a_shim(tmp_path, bare_path):
    fake(tmp_path / "pyenv" / "versions" / "3.13.1" / "bin", "python3", f'exec "{sys.executable}" "$@"')
    told = shell("find_python", PATH=bare_path, PYENV_ROOT=f"{tmp_path}/pyenv")
    assert told.stdout.strip() == sys.executable, told.stderr


def test_an_old_python_does_not_suit(tmp_path, bare_path):
    fake(tmp_path / "old", "python3", "exit 1")
    told = shell("find_python", PATH=f"{tmp_path}/old:{bare_path}")
    assert told.stdout.strip() in ("", *_installed_elsewhere())


def _installed_elsewhere() -> list[str]:
    return [str(p) for p in Path("/usr/local/bin").glob("python3.1[23]")]


def test_no_python_says_how_to_get_one():
    told = shell("no_python")
    assert told.returncode == 1
    assert "3.12 or 3.13" in told.stderr
    assert "apt-get install python3.13" in told.stderr


def test_a_full_disk_is_told(tmp_path, bare_path):
    (Path(bare_path) / "df").unlink()
    fake(Path(bare_path), "df", "printf 'h\\n/dev/x 100 90 10240 99%% /\\n'")
    told = shell("enough_disk", PATH=bare_path)
    assert told.returncode == 1
    assert "Only 10 MB are free" in told.stderr


def test_the_script_is_plain_posix_shell():
    assert subprocess.run(["sh", "-n", SCRIPT], check=False).returncode == 0
    assert "pip install" in SCRIPT.read_text()
