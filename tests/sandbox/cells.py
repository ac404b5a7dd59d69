"""Running cells in a kernel of a user's server, over the platform's own address, as JupyterLab does."""

import json
import uuid
from typing import Any, Self

import httpx
from live_platform import LivePlatform
from websockets.sync.client import connect


class Kernel:
    """A kernel of a user's server.

    Parameters
    ----------
    platform
        The running platform.
    user
        Whose server.
    """

    def __init__(self, platform: LivePlatform, user: str) -> None:
        self.token = platform.token(user)
        path = f"{platform.server(user)['url']}api/"
        self.http = httpx.Client(
            base_url=f"{platform.url}{path}",
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
            trust_env=False,
        )
        self.socket_url = f"ws{platform.url.removeprefix('http')}{path}"
        answer = self.http.post("kernels", json={"name": "tradewind"})
        answer.raise_for_status()
        self.id = answer.json()["id"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.delete(f"kernels/{self.id}")
        self.http.close()

    def run(self, code: str, timeout: float = 120) -> str:
        """Run one cell; return what it printed, or its traceback."""
        session, message = uuid.uuid4().hex, uuid.uuid4().hex
        url = f"{self.socket_url}kernels/{self.id}/channels?session_id={session}"
        said: list[str] = []
        with connect(
            url, additional_headers={"Authorization": f"token {self.token}"}, max_size=None, proxy=None
        ) as channel:
            channel.send(json.dumps(_request(message, session, code)))
            while True:
                heard: dict[str, Any] = json.loads(channel.recv(timeout=timeout))
                if heard.get("parent_header", {}).get("msg_id") != message:
                    continue
                content = heard["content"]
                match heard["msg_type"]:
                    case "stream":
                        said.append(content["text"])
                    case "error":
                        said.append("\n".join(content["traceback"]))
                    case "execute_result":
                        said.append(content["data"].get("text/plain", ""))
                    case "status" if content["execution_state"] == "idle":
                        return "".join(said)


def _request(message: str, session: str, code: str) -> dict[str, Any]:
    return {
        "header": {
            "msg_id": message, "msg_type": "execute_request", "session": session,
            "username": "", "version": "5.3", "date": "",
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": True,
        },
        "channel": "shell",
        "buffers": [],
    }  # fmt: skip
