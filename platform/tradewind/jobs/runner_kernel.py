"""What the runner and its heavy half know of a kernel that was started."""

from typing import Protocol


class Kernel(Protocol):
    """As much of a kernel's process as is needed here; ``subprocess.Popen`` has it."""

    def poll(self) -> int | None:
        """Return the exit code, nothing while it lives."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def kill(self) -> None:
        """End it at once."""
