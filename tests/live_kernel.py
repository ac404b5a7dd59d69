"""A notebook kernel in a user's server, driven as JupyterLab drives it: REST and a WebSocket."""

import json
import uuid
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import httpx
from live_platform import LivePlatform
from websockets.sync.client import ClientConnection, connect


class LiveKernel:
    """One session of a user: a notebook with its kernel.

    Parameters
    ----------
    platform
        Where.
    user
        Whose server, which must be running.
    notebook
        The notebook's name.
    """

    def __init__(self, platform: LivePlatform, user: str, notebook: str = "Work.ipynb") -> None:
        self.token = platform.token(user)
        self.root = f"{platform.url}/user/{user}/"
        body = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "tradewind"}}
        answer = self.rest("POST", "api/sessions", json=body)
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json()["kernel"]["id"]
        self.socket: ClientConnection | None = None
        self.stack = ExitStack()

    def rest(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the server's REST API."""
        with httpx.Client(trust_env=False, timeout=60) as client:
            headers = {"Authorization": f"token {self.token}"}
            return client.request(method, self.root + path, headers=headers, **options)

    def connect(self) -> None:
        """Open the WebSocket (again)."""
        url = self.root.replace("http", "ws", 1) + f"api/kernels/{self.id}/channels"
        headers = {"Authorization": f"token {self.token}"}
        self.stack.close()
        self.socket = self.stack.enter_context(
            connect(url, additional_headers=headers, proxy=None, open_timeout=60)
        )

    def start(self, code: str) -> str:
        """Send code; returns the message's id."""
        if self.socket is None:
            self.connect()
        assert self.socket is not None
        message = uuid.uuid4().hex
        header = {
            "msg_id": message,
            "msg_type": "execute_request",
            "username": "",
            "session": "t",
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        self.socket.send(
            json.dumps(
                {
                    "header": header,
                    "parent_header": {},
                    "metadata": {},
                    "content": content,
                    "channel": "shell",
                }
            )
        )
        return message

    def run(self, code: str, *, seconds: float = 90.0) -> str:
        """Run code and return what it printed."""
        message = self.start(code)
        assert self.socket is not None
        printed = ""
        # What is printed comes by another channel than the reply, and may come after it.
        awaited = {"reply", "idle"}
        while awaited:
            answer = json.loads(self.socket.recv(timeout=seconds))
            if answer["parent_header"].get("msg_id") != message:
                continue
            content = answer["content"]
            if answer["msg_type"] == "stream":
                printed += content["text"]
            if answer["msg_type"] == "error":
                raise AssertionError("\n".join(content["traceback"]))
            if answer["msg_type"] == "execute_reply":
                awaited.discard("reply")
            if answer["msg_type"] == "status" and content["execution_state"] == "idle":
                awaited.discard("idle")
        return printed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()
