"""The client that dashboards and runs speak to kernels with: no answer is left lying in its socket."""

from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type


class ShellChannel(AsyncZMQSocketChannel):
    """A channel that somebody may send on while somebody else waits for an answer.

    ZeroMQ says only once that something has come in, and a send takes note of it, too. Jupyter sends past
    the object that waits, which therefore never heard of an answer that came in during a send: nbclient sends
    whenever a cell shows something in an ``Output`` widget, and then waited for that cell until its timeout.
    """

    def send(self, msg: dict[str, Any]) -> None:
        """Send a message, then look whether something has come in."""
        super().send(msg)
        if self.socket is not None:
            self.socket.get(zmq.EVENTS)


class KernelClient(AsyncKernelClient):
    """A client of one kernel whose waiting and sending do not get in each other's way."""

    shell_channel_class = Type(ShellChannel)
    control_channel_class = Type(ShellChannel)
