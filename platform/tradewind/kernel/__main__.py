"""The Tradewind kernel: ``python -P -m tradewind.kernel -f CONNECTION_FILE``."""

from ipykernel.kernelapp import IPKernelApp

from tradewind.kernel import startup


def main() -> None:
    """Run the kernel."""
    startup.prepare()
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    main()
