"""Folder names of users, paths of sockets, reading below a home."""

import os
import re
import socket
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.errors import NotFoundError, PathNotAllowedError
from tradewind.hub.spawner import socket_url
from tradewind.sandbox import PinnedSocket, home_name, open_beneath, read_beneath, socket_name

names = st.text(min_size=1, max_size=120)


@given(names, names)
def test_different_users_have_different_folders(one: str, other: str) -> None:
    assert (home_name(one) == home_name(other)) == (one == other)
    assert (socket_name(one) == socket_name(other)) == (one == other)


@given(names)
def test_a_folder_name_is_one_plain_component(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", home_name(name))
    assert re.fullmatch(r"[0-9a-f]{16}", socket_name(name))


def test_a_plain_name_stays_readable() -> None:
    assert home_name("ann-7") == "ann-7"
    assert home_name("../../etc") == "_2e_2e_2f_2e_2e_2fetc"
    with pytest.raises(ValueError, match="name"):
        home_name("")


def test_servers_of_one_user_have_different_sockets() -> None:
    assert len({socket_name("ann"), socket_name("ann", "b"), socket_name("annb")}) == 3


def test_a_file_of_a_home_is_read(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.ipynb").write_bytes(b"{}")
    assert read_beneath(tmp_path, "notebooks/a.ipynb") == b"{}"
    with pytest.raises(NotFoundError, match=r"b\.ipynb"):
        read_beneath(tmp_path, "notebooks/b.ipynb")
    with pytest.raises(PathNotAllowedError, match="larger"):
        read_beneath(tmp_path, "notebooks/a.ipynb", limit=1)


def test_links_and_climbing_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("cookie secret")
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    (home / "link").symlink_to(secret)
    (home / "up").symlink_to(tmp_path)
    (home / "inner").symlink_to("folder")
    os.mkfifo(home / "pipe")
    for name in (
        "link",
        "up/secret",
        "inner/x",
        "../secret",
        str(secret),
        "",
        "folder",
        "pipe",
        "a\0b",
        "..",
    ):
        with pytest.raises(PathNotAllowedError):
            open_beneath(home, name)


def test_a_pinned_socket_cannot_be_exchanged(tmp_path: Path) -> None:
    def serve(name: str, word: bytes) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / name))
        server.listen()

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.sendall(word)

        threading.Thread(target=answer, daemon=True).start()
        return server

    def hear(path: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            return client.recv(10)

    with serve("app.sock", b"app"), serve("root.sock", b"root"):
        pinned = PinnedSocket(tmp_path / "app.sock")
        (tmp_path / "app.sock").unlink()
        (tmp_path / "app.sock").symlink_to("root.sock")
        assert hear(pinned.path) == b"app"
        pinned.close()
        with pytest.raises(PathNotAllowedError):
            PinnedSocket(tmp_path / "app.sock")
        assert hear(str(tmp_path / "app.sock")) == b"root", "as whoever does not pin would find out"
    with pytest.raises(NotFoundError):
        PinnedSocket(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(PathNotAllowedError):
        PinnedSocket(tmp_path / "file")


def test_a_socket_url_keeps_its_capitals() -> None:
    # The hub takes the host of a URL, which is lower-cased, and unquotes it.
    path = Path("/tmp/Some Folder/x-Y_z.sock")
    url = socket_url(path)
    assert urlsplit(url).scheme == "http+unix" and unquote(urlsplit(url).hostname or "") == str(path)
