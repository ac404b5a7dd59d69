"""A user's own packages: added after the platform's, kept in the home, installed by pip's own rules."""

import sys
import zipfile
from pathlib import Path

import pytest
from boxes import Run
from tradewind.provenance import installed_layer
from tradewind.sandbox import Bind, Sandbox
from tradewind.sandbox.names import LAYER_SITE
from tradewind.settings import Settings

pytestmark = pytest.mark.sandbox


def wheel(folder: Path, name: str, version: str, module: str, source: str) -> Path:
    """Make a wheel with one module and one entry script."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-says = {module}:main\n",
    }
    record = "".join(f"{f},,\n" for f in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


@pytest.fixture
def shelf(tmp_path: Path) -> Bind:
    """Wheels of a package of our own in two versions, and of impostors."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for version in ("1.0", "2.0"):
        source = f"answer = {version!r}\ndef main():\n    print('says', answer)\n"
        wheel(folder, "twtest", version, "twtest", source)
    wheel(folder, "impostor", "1.0", "tradewind", "print('impostor')\n")
    wheel(folder, "numpy", "1.0", "numpy", "")
    return Bind(folder, Path("/opt/shelf"))


PIP = "pip install --no-index --find-links /opt/shelf --quiet"


def test_install_import_upgrade_remove(settings: Settings, run: Run, shelf: Bind) -> None:
    script = f"{PIP} twtest==1.0 && python -c 'import twtest; print(twtest.answer)' && twtest-says"
    done = run("ann", "sh", "-c", script, binds=[shelf])
    assert done.stdout.split() == ["1.0", "says", "1.0"], done.stderr
    layer = settings.paths.homes / "ann" / ".tradewind" / "layer" / LAYER_SITE
    assert installed_layer(layer) == {"twtest": "1.0"}
    assert run("ann", "sh", "-c", f"{PIP} -U twtest && twtest-says", binds=[shelf]).stdout == "says 2.0\n"
    assert installed_layer(layer) == {"twtest": "2.0"}
    assert run("ann", "sh", "-c", "pip uninstall -q -y twtest; twtest-says").returncode == 127
    assert installed_layer(layer) == {}


def test_a_layer_is_its_owners_alone(run: Run, shelf: Bind) -> None:
    assert run("ann", "sh", "-c", f"{PIP} twtest", binds=[shelf]).returncode == 0
    assert "No module named 'twtest'" in run("ben", "python", "-c", "import twtest").stderr


def test_nothing_of_the_platform_is_shadowed(run: Run, shelf: Bind) -> None:
    run("ann", "sh", "-c", f"{PIP} --no-deps impostor", binds=[shelf])
    done = run("ann", "python", "-c", "import tradewind; print(tradewind.__version__)")
    assert "impostor" not in done.stdout and done.returncode == 0, done.stderr


def test_the_platforms_packages_are_not_replaced(run: Run, shelf: Bind) -> None:
    done = run("ann", "sh", "-c", f"{PIP} numpy==1.0", binds=[shelf])
    assert done.returncode != 0 and "conflict" in done.stderr
    assert run("ann", "sh", "-c", "pip uninstall -y numpy").returncode == 0
    assert run("ann", "python", "-c", "import numpy").returncode == 0


def test_the_server_never_imports_from_the_layer(run: Run, shelf: Bind) -> None:
    run("ann", "sh", "-c", f"{PIP} twtest", binds=[shelf])
    # Neither by the layer nor by variables or files a user can leave for the next start.
    script = "echo 'import twtest' > ~/usercustomize.py; echo x=1 > ~/jupyterlab.py; "
    script += f"PYTHONPATH=~ exec {sys.executable} -I -c 'import twtest'"
    assert "No module named 'twtest'" in run("ann", "sh", "-c", script).stderr


def test_seeds_come_once(settings: Settings, run: Run, tmp_path: Path) -> None:
    seed = Path(sys.prefix) / "pyvenv.cfg"  # any file a sandbox sees
    options = {"seeds": [(seed, "Start.ipynb")]}
    assert run("ann", "cat", "Start.ipynb", **options).stdout == seed.read_text()
    assert run("ann", "rm", "Start.ipynb", **options).returncode == 0
    assert run("ann", "ls", **options).stdout == ""


def test_preparing_a_home_follows_no_link_out_of_the_sandbox(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    """A user turns his own folders into links to what only the platform may write."""
    target = tmp_path / "platform-file"
    target.mkdir()
    run("ann", "sh", "-c", f"rm -rf ~/.tradewind; ln -s {target} ~/.tradewind")
    assert run("ann", "true").returncode == 0
    assert list(target.iterdir()) == []
    box = Sandbox.for_user(settings, "ann", output=".tradewind/server.log")
    assert box.command(["true"])


@pytest.mark.slow
def test_pip_installs_from_the_index_through_the_gateway(settings: Settings, run: Run, gateway: Path) -> None:
    done = run("ann", "sh", "-c", "pip install --quiet inflection && python -c 'import inflection as i; "
               "print(i.pluralize(\"sandbox\"))'", timeout=240)  # fmt: skip
    offline = ("NameResolutionError", "cannot be resolved", "may not connect", "does not answer", "Tunnel")
    if done.returncode and any(word in done.stderr + done.stdout for word in offline):
        pytest.skip(
            "no package index can be reached: connect this machine, or set egress_allow for a private one"
        )
    assert done.stdout.split()[-1] == "sandboxes", done.stderr
