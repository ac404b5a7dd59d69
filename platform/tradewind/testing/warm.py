"""Compile every loop and fill its cache: ``python -m tradewind.testing.warm``, run once at install.

The loops state their signatures, so importing their files compiles them. The cache lies beside the source
and is read from there by everyone, also where the installation is read-only.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

import tradewind
from tradewind.threads import cores


def _files() -> list[Path]:
    return sorted(Path(tradewind.__file__).parent.rglob("*_loops.py"))


def _name(file: Path) -> str:
    root = Path(tradewind.__file__).parent
    return ".".join(("tradewind", *file.relative_to(root).with_suffix("").parts))


def loop_modules() -> list[str]:
    """Names of all modules with compiled loops."""
    return [_name(file) for file in _files()]


def _compile(name: str) -> None:
    import_module(name)


def main() -> int:
    """Import them all, a process a core; say how long it took."""
    began = time.perf_counter()
    # the longest first, so that no core waits for it at the end
    files = sorted(_files(), key=lambda file: file.stat().st_size, reverse=True)
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(cores(), len(files)), mp_context=spawned) as pool:
        list(pool.map(_compile, [_name(file) for file in files]))
    sys.stdout.write(
        f"{len(files)} files of compiled loops ready after {time.perf_counter() - began:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
