"""Runs one notebook inside the sandbox: ``python -P -m tradewind.jobs.runner``.

It finds its task in ``~/.run/task.json``, says how far it is on standard output, one JSON object a line, and
leaves the executed notebook and its HTML in ``~/.run``. What the notebook writes into its working folder,
``~/artifacts``, is kept as the run's artifacts. Nothing that it says is trusted outside.

The kernel's process is started before anything heavy is imported here, so that both load at the same time.
"""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

EXIT_FAILED = 3
"""The notebook raised an error; other codes mean that the runner itself did not get that far."""


def say(events: TextIO, event: str, **values: Any) -> None:
    """Write one event."""
    events.write(json.dumps({"event": event, **values}) + "\n")
    events.flush()


def start_kernel(folder: Path) -> tuple[Path, "subprocess.Popen[bytes]"]:
    """Start the kernel on Unix sockets of its own: loopback ports would be open to all of the sandbox."""
    sockets = Path("/tmp") / f"k{secrets.token_hex(4)}"  # noqa: S108  a socket's path may have 107 characters only
    sockets.mkdir(mode=0o700)
    connection = folder / "kernel.json"
    ports = {
        f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "hb", "control"), 1)
    }
    described = {
        "transport": "ipc",
        "ip": str(sockets / "s"),
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "tradewind",
        **ports,
    }
    connection.write_text(json.dumps(described))
    connection.chmod(0o600)
    python = os.environ.get("TRADEWIND_KERNEL_PYTHON", sys.executable)
    argv = [python if Path(python).exists() else sys.executable, "-P", "-m", "tradewind.kernel"]
    environment = {
        **os.environ,
        "PANEL_INLINE": "true",
        "BOKEH_RESOURCES": "inline",
        "JPY_PARENT_PID": str(os.getpid()),  # it ends should this process be killed
    }
    process = subprocess.Popen(
        [*argv, "-f", str(connection)], stdin=subprocess.DEVNULL, stdout=2, env=environment
    )
    return connection, process


def main() -> int:
    """Run the task; return the exit code."""
    home = Path(os.environ["HOME"])
    folder, artifacts = home / ".run", home / "artifacts"
    os.chdir(artifacts)
    # Standard output belongs to the events; whatever a library prints goes to the log.
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    task = json.loads((folder / "task.json").read_text())
    say(events, "start")
    connection, kernel = start_kernel(folder)
    # jsonschema, which nbformat imports, builds a grammar for a format that notebooks do not use: 1.9 s.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from tradewind.jobs import runner_engine

    code = 0
    try:
        try:
            runner_engine.execute(task, folder, connection, kernel, lambda name, **v: say(events, name, **v))
        except runner_engine.PapermillExecutionError as problem:
            say(events, "error", message=f"{problem.ename}: {problem.evalue}"[:4000])
            code = EXIT_FAILED
        finally:
            runner_engine.stop(connection, kernel)
        runner_engine.write_html(folder)
        say(events, "end", packages=runner_engine.packages())
    except Exception as problem:  # noqa: BLE001  the last line of defence: say what went wrong, in one line
        say(events, "error", message=f"{type(problem).__name__}: {problem}"[:4000])
        code = code or 1
    return code


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(
        status
    )  # imported libraries have nothing to tidy up; interpreter shutdown would cost a tenth of a second
