"""Compile every loop and fill its cache: ``python -m tradewind.testing.warm``, run once at install.

The loops state their signatures, so importing their files compiles them. The cache lies beside the source
and is read from there by everyone, also where the installation is read-only.
"""

import sys
import time
from importlib import import_module
from pathlib import Path

import tradewind


def loop_modules() -> list[str]:
    """Names of all modules with compiled loops."""
    root = Path(tradewind.__file__).parent
    files = sorted(root.rglob("*_loops.py"))
    return [".".join(("tradewind", *f.relative_to(root).with_suffix("").parts)) for f in files]


def main() -> int:
    """Import them all; say how long it took."""
    began = time.perf_counter()
    names = loop_modules()
    for name in names:
        import_module(name)
    sys.stdout.write(
        f"{len(names)} files of compiled loops ready after {time.perf_counter() - began:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
