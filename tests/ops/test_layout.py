"""The shape of the repository that the design demands."""

import platform as standard_platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 500
FIXED = (
    *("platform", "kernels", "notebooks/templates", "extensions", "dashboards", "tests", "docs", "bench"),
    *("hub_config.py", "environment.yml", "helm-values.yaml", "pyproject.toml", "requirements.lock"),
    *("Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".ci/run", ".python-version"),
)
# Put together here, so that this file does not name them either.
INDEX_HOSTS = tuple(
    name.replace("|", "")
    for name in (
        "py|pi.org",
        "python|hosted.org",
        "registry.npm|js.org",
        "registry.yarn|pkg.com",
        "deb.deb|ian.org",
    )
)


def tracked() -> list[Path]:
    answer = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in answer.split("\0") if name and (ROOT / name).is_file()]


def test_the_standard_library_platform_wins():
    code = "import platform; print(platform.__file__); platform.python_version()"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert Path(told) == Path(standard_platform.__file__)
    assert not told.startswith(str(ROOT))


def test_top_level_folders_are_not_packages():
    packages = [p.parent.name for p in ROOT.glob("*/__init__.py")]
    assert packages == []


@pytest.mark.parametrize("name", FIXED)
def test_the_fixed_names_exist(name):
    assert (ROOT / name).exists()


def test_no_source_file_is_too_long():
    sources = {".py", ".ts", ".css", ".js", ".sh", ".html"}
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix in sources and (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


def test_no_tracked_file_names_a_package_index():
    found = []
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {host}" for host in INDEX_HOSTS if host in text]
    assert found == []


def test_environment_yml_is_the_locks():
    done = subprocess.run(
        [sys.executable, "platform/environment_yml.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_changed_lock_is_noticed(tmp_path):
    (tmp_path / "platform").mkdir()
    for name in ("platform/environment_yml.py", "requirements.lock", ".python-version", "environment.yml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    lock = tmp_path / "requirements.lock"
    lock.write_text(lock.read_text().replace("zarr==", "zarr==9", 1))
    done = subprocess.run(
        [sys.executable, "platform/environment_yml.py", "--check"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1


def test_hub_config_is_small():
    assert len((ROOT / "hub_config.py").read_text().splitlines()) < 40
