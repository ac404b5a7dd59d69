"""A real S3 server on loopback: Ceph, from Debian's packages: a monitor, a storage daemon, its gateway.

It signs, checks and rejects requests as S3 does and honours conditional writes, which mock servers do not.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

KEY = "tradewind-tests"
SECRET = "tradewind-tests-secret"
PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd")

_CONFIG = """
[global]
fsid = {fsid}
mon host = [v1:127.0.0.1:{monitor}]
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
run dir = {folder}/run
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
admin socket = {folder}/run/$name.asok
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
ms bind ipv6 = false
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
mon data avail crit = 1
mon data avail warn = 2
mon osd full ratio = .99
mon osd nearfull ratio = .98
mon osd backfillfull ratio = .985
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = false
osd class load list = *
osd class default list = *
osd class update on start = false
osd objectstore = bluestore
osd data = {folder}/osd
osd memory target = 1200000000
bluestore block size = 12000000000
bluestore block create = true
mon data = {folder}/mon
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw enable usage log = false
rgw enable ops log = false
rgw dynamic resharding = false
rgw thread pool size = 64
"""


class S3Server:
    """Starts in some 15 s; ``endpoint``, ``KEY`` and ``SECRET`` are what a client needs.

    Parameters
    ----------
    folder
        An empty folder of its own; its path must be short, because sockets live in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._monitor = _free_port(), _free_port()
        self._config = folder / "ceph.conf"

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "S3Server":
        """Bring everything up and create a user."""
        for name in ("mon", "osd", "run", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        fsid = str(uuid.uuid4())
        self._config.write_text(
            _CONFIG.format(fsid=fsid, folder=self.folder, monitor=self._monitor, port=self.port)
        )
        table = str(self.folder / "monmap")
        address = f"[v1:127.0.0.1:{self._monitor}]"
        self._run("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", address, table)
        self._ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", table)
        self._ceph("ceph-mon", "-i", "a")
        self._until(lambda: self._ceph("ceph", "-s", check=False, timeout=3).returncode == 0)
        disk = str(uuid.uuid4())
        self._ceph("ceph", "osd", "create", disk)
        self._ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._ceph("ceph", "osd", "crush", "add", "osd.0", "1.0", "host=h", "root=default")
        self._ceph("ceph-osd", "-i", "0")
        self._until(lambda: b"1 up" in self._ceph("ceph", "osd", "stat").stdout)
        self._ceph("radosgw-admin", "user", "create", "--uid=tests", "--display-name=tests",
                   f"--access-key={KEY}", f"--secret-key={SECRET}")  # fmt: skip
        self._ceph("radosgw", "-n", "client.rgw")
        self._until(self._listens)
        return self

    def stop(self) -> None:
        """End the three daemons."""
        for name in ("client.rgw", "osd.0", "mon.a"):
            try:
                pid = int((self.folder / "run" / f"{name}.pid").read_text())
                os.kill(pid, signal.SIGKILL)
            except (OSError, ValueError):
                continue
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_bucket(self, name: str) -> None:
        """Create a bucket."""
        import s3fs

        files = s3fs.S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=self.endpoint, skip_instance_cache=True,
            config_kwargs={"s3": {"addressing_style": "path"}},
        )  # fmt: skip
        files.mkdir(name)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _ceph(self, program: str, *arguments: str, check: bool = True, timeout: float = 60):
        return self._run(program, "-c", str(self._config), *arguments, check=check, timeout=timeout)

    @staticmethod
    def _run(*command: str, check: bool = True, timeout: float = 60):
        try:
            return subprocess.run(command, check=check, capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            if check:
                raise
            return subprocess.CompletedProcess(command, 1, b"", b"")

    @staticmethod
    def _until(ready, seconds: float = 60) -> None:
        stop = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > stop:
                raise TimeoutError("the S3 server did not come up")
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
