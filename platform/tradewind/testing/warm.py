"""Compile every loop and fill its cache: ``python -m tradewind.testing.warm``, run once at install.

The loops state their signatures, so importing their files compiles them. The cache lies beside the source
and is read from there by everyone, also where the installation is read-only.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from pathlib import Path

import tradewind
from tradewind.threads import cores


def loop_modules() -> list[str]:
    """Names of all modules with compiled loops."""
    root = Path(tradewind.__file__).parent
    files = sorted(root.rglob("*_loops.py"))
    return [".".join(("tradewind", *f.relative_to(root).with_suffix("").parts)) for f in files]


def _lines(name: str) -> int:
    path = Path(tradewind.__file__).parent.joinpath(*name.split(".")[1:]).with_suffix(".py")
    return len(path.read_text().splitlines())


def _compile(name: str) -> None:
    import_module(name)


def main() -> int:
    """Import them all, a process a core; say how long it took."""
    began = time.perf_counter()
    names = loop_modules()
    names.sort(key=lambda name: -_lines(name))  # the longest first, so that no core waits for it at the end
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(cores(), len(names)), mp_context=spawned) as pool:
        for done in as_completed([pool.submit(_compile, name) for name in names]):
            done.result()
    sys.stdout.write(
        f"{len(names)} files of compiled loops ready after {time.perf_counter() - began:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
