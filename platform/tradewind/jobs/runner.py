"""Runs one notebook inside the sandbox: ``python -P -m tradewind.jobs.runner``.

It finds its task in ``~/.run/task.json``, says how far it is on standard output, one JSON object a line, and
leaves the executed notebook and its HTML in ``~/.run``. What the notebook writes into its working folder,
``~/artifacts``, is kept as the run's artifacts. Nothing that it says is trusted outside.

The kernel's process is started before anything heavy is imported here, so that both load at the same time.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO

from tradewind.jobs.runner_kernel import Kernel

EXIT_FAILED = 3
"""The notebook raised an error; other codes mean that the runner itself did not get that far."""
EXIT_STOPPED = 4


def say(events: TextIO, event: str, **values: Any) -> None:
    """Write one event."""
    events.write(json.dumps({"event": event, **values}) + "\n")
    events.flush()


Spawn = Callable[[list[str], dict[str, str]], Kernel]
"""Starts a kernel, given its arguments and environment."""


def spawn(arguments: list[str], environment: dict[str, str]) -> Kernel:
    """Start a kernel as a process of its own, with the user's own packages in reach."""
    python = environment.get("TRADEWIND_KERNEL_PYTHON", sys.executable)
    argv = [python if Path(python).exists() else sys.executable, "-P", "-m", "tradewind.kernel", *arguments]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=2, env=environment)


def start_kernel(folder: Path, start: Spawn) -> tuple[Path, Kernel]:
    """Start the kernel on Unix sockets of its own: loopback ports would be open to all of the sandbox."""
    sockets = Path("/tmp") / f"k{secrets.token_hex(4)}"  # noqa: S108  a socket's path may have 107 characters only
    sockets.mkdir(mode=0o700)
    connection = folder / "kernel.json"
    channels = enumerate(("shell", "iopub", "stdin", "hb", "control"), 1)
    described = {
        "transport": "ipc",
        "ip": str(sockets / "s"),
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "tradewind",
        **{f"{name}_port": number for number, name in channels},
    }
    connection.write_text(json.dumps(described))
    connection.chmod(0o600)
    environment = {
        **os.environ,
        "PANEL_INLINE": "true",
        "BOKEH_RESOURCES": "inline",
        "JPY_PARENT_PID": str(os.getpid()),  # it ends should this process be killed
    }
    return connection, start(["-f", str(connection)], environment)


def spare_the_grammar() -> None:
    """Keep jsonschema, which nbformat imports, from building a grammar notebooks have no use for: 1.9 s."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


class Stopped(BaseException):
    """Somebody asked the run to stop."""


def stop(*_signal: object) -> None:
    """Leave whatever is going on, so that what there is of the notebook is written."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def main(start: Spawn = spawn) -> int:
    """Run the task; return the exit code.

    Parameters
    ----------
    start
        Starts the kernel.
    """
    home = Path(os.environ["HOME"])
    folder = home / ".run"
    os.chdir(home / "artifacts")
    # Standard output belongs to the events; whatever a library prints goes to the log.
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    say(events, "start")
    connection, kernel = start_kernel(folder, start)
    spare_the_grammar()
    from tradewind.jobs import runner_engine

    code = 0
    signal.signal(signal.SIGTERM, stop)
    try:
        try:
            runner_engine.execute(folder, connection, kernel, lambda name, **v: say(events, name, **v))
        except runner_engine.PapermillExecutionError as problem:
            say(events, "error", message=f"{problem.ename}: {problem.evalue}"[:4000])
            code = EXIT_FAILED
        finally:
            runner_engine.stop(connection, kernel)
        runner_engine.write_html(folder)
        say(events, "end", packages=runner_engine.packages())
    except Stopped:
        kernel.kill()
        runner_engine.write_html(folder)
        code = EXIT_STOPPED
    except Exception as problem:  # noqa: BLE001  the last line of defence: say what went wrong, in one line
        say(events, "error", message=f"{type(problem).__name__}: {problem}"[:4000])
        code = 1
    return code


def leave(code: int) -> NoReturn:
    """End without the interpreter's shutdown: nothing imported needs it, and it takes a tenth of a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
