"""What a sandbox does to its own home before its command starts. Standard library alone, run by the shim.

It runs inside the sandbox, with the user's rights: a folder of the home that the user turned into a symbolic
link leads to a place the user could write to anyway. Nothing outside ever writes into a home.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TypedDict

HOOK = "_tradewind.pth"


class Plan(TypedDict):
    """What is to be prepared; built by ``Sandbox`` and handed over as JSON."""

    home: str
    layer: str
    """The user's layer, a virtual environment whose packages come after the platform's."""
    layer_site: str
    python: str
    """The interpreter the platform's own environment is made from."""
    site: str
    """The platform's own site-packages."""
    constraints: str
    """Written for pip: what the platform's environment holds, so that pip never tries to replace it."""
    seeds: list[tuple[str, str]]
    """Files copied, and folders linked, into the home once: source, path below the home."""
    folders: list[str]
    output: str
    """The file that takes what the command writes; empty leaves it where it goes."""


def run(plan: str) -> None:
    """Prepare a home; a failure is said and never stops the command."""
    steps: Plan = json.loads(plan)
    for step in (make_folders, make_layer, write_constraints, copy_seeds):
        try:
            step(steps)
        except OSError as problem:
            sys.stderr.write(f"tradewind: {step.__name__.replace('_', ' ')} failed: {problem}\n")
    if steps["output"]:
        redirect(Path(steps["output"]))


def make_folders(plan: Plan) -> None:
    """Create the folders that programs expect."""
    for folder in plan["folders"]:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)


def make_layer(plan: Plan) -> None:
    """Create or refresh the user's layer.

    A virtual environment, because pip then installs, lists, upgrades and removes there by its own rules and
    takes everything outside for installed and untouchable. Its one ``.pth`` file puts the platform's
    environment before it: what a user installs can add to the platform's packages and never shadow them.
    """
    layer, site, python = Path(plan["layer"]), Path(plan["layer_site"]), Path(plan["python"])
    (layer / "bin").mkdir(parents=True, exist_ok=True)
    site.mkdir(parents=True, exist_ok=True)
    write(layer / "pyvenv.cfg", f"home = {python.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3", python.name):
        link = layer / "bin" / name
        if not link.is_symlink() or link.readlink() != python:
            link.unlink(missing_ok=True)
            link.symlink_to(python)
    hook = (
        f"import site, sys; here = {str(site)!r}; sys.path[:] = [p for p in sys.path if p != here]; "
        f"site.addsitedir({plan['site']!r}); sys.path.append(here)\n"
    )
    write(site / HOOK, hook)
    script = f"#!{layer}/bin/python\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
    for name in ("pip", "pip3"):
        write(layer / "bin" / name, script)
        (layer / "bin" / name).chmod(0o755)


def write_constraints(plan: Plan) -> None:
    """List what the environment holds, by the names of its ``.dist-info`` folders."""
    found = sorted(folder.stem for folder in Path(plan["site"]).glob("*.dist-info"))
    write(Path(plan["constraints"]), "".join(f"{n.replace('-', '==', 1)}\n" for n in found))


def copy_seeds(plan: Plan) -> None:
    """Copy each file and link each folder once: what a user has deleted or changed stays so."""
    home = Path(plan["home"])
    marks = home / ".tradewind" / "seeded"
    marks.mkdir(parents=True, exist_ok=True)
    for source, name in plan["seeds"]:
        mark, target = marks / name.replace("/", "_"), home / name
        if mark.exists() or not Path(source).exists():
            continue
        if Path(source).is_dir():
            if not os.path.lexists(target):
                target.symlink_to(source)
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        mark.touch()


def redirect(path: Path) -> None:
    """Send what the command writes to a file, keeping the one before."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def write(path: Path, text: str) -> None:
    """Write a file whole, and only if it differs."""
    try:
        if path.read_text() == text:
            return
    except OSError:
        pass
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    part.write_text(text)
    part.replace(path)
