# ruff: noqa
"""What user B tries from a cell of his own notebook, pasted into his kernel with ``given`` defined before it.

Every attempt appends ``(what, outcome)`` to ``tried``; an outcome that starts with ``GOT`` is a breach.
"""

import ctypes
import json
import os
import socket
import urllib.error
import urllib.request

tried = []


def attempt(what, action):
    try:
        got = action()
    except Exception as problem:
        tried.append((what, f"refused: {type(problem).__name__}: {problem}"))
    else:
        tried.append((what, f"GOT {str(got)[:120]!r}"))


def read(path):
    return sorted(os.listdir(path)) if os.path.isdir(path) else open(path, "rb").read(200)


for name, path in given["paths"].items():
    attempt(f"read {name}", lambda path=path: read(path))
    attempt(f"write {name}", lambda path=path: open(os.path.join(path, "planted"), "w"))


def through_a_link():
    os.symlink(given["paths"]["home of A"], os.path.expanduser("~/link"))
    try:
        return read(os.path.expanduser("~/link"))
    finally:
        os.unlink(os.path.expanduser("~/link"))


attempt("home of A through a link", through_a_link)


# ---- other processes ----


def others():
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = open(f"/proc/{entry}/cmdline").read()
            settings = open(f"/proc/{entry}/environ").read()
            if any(w in words for w in given["words of others"]) or any(
                w in settings for w in given["secrets"]
            ):
                found.append(words)
    if not found:
        raise LookupError("only my own processes")
    return found


attempt("see processes of others", others)
for name, pid in given["pids"].items():
    attempt(f"signal {name}", lambda pid=pid: os.kill(pid, 0) or (pid, open(f"/proc/{pid}/cmdline").read()))
    attempt(f"environment of {name}", lambda pid=pid: open(f"/proc/{pid}/environ").read()[:20] or "empty")
    attempt(f"root of {name}", lambda pid=pid: os.listdir(f"/proc/{pid}/root" + given["paths"]["secrets"]))
attempt("root of process 1", lambda: os.listdir("/proc/1/root" + given["paths"]["secrets"]))


# ---- the network ----


def dial(host, port):
    with socket.create_connection((host, port), timeout=3) as connection:
        return connection.getpeername()


for name, port in given["closed ports"].items():
    attempt(f"connect to {name}", lambda port=port: dial("127.0.0.1", port))
    for host in given["hosts"]:
        attempt(f"connect to {name} on {host}", lambda host=host, port=port: dial(host, port))


def fetch(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return answer.read(100)


def proxied(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read(100)


for name, port in {**given["closed ports"], **given["relayed ports"]}.items():
    for host in ("127.0.0.1", "localhost.", "127.1", "[::1]", "0.0.0.0", "169.254.169.254", *given["hosts"]):

        def tunnel(host=host, port=port):
            proxy = socket.create_connection(
                ("127.0.0.1", int(os.environ["HTTP_PROXY"].rsplit(":", 1)[1])), 5
            )
            proxy.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            line = proxy.makefile("rb").readline()
            proxy.close()
            if b" 200 " not in line:
                raise PermissionError(line)
            return line

        attempt(f"tunnel to {name} on {host}", tunnel)
hub, service = given["relayed ports"]["hub"], given["relayed ports"]["service"]
mine = os.environ["JUPYTERHUB_API_TOKEN"]
attempt("the hub's sign-in form", lambda: fetch(f"http://127.0.0.1:{hub}/hub/login"))
attempt("the hub's metrics", lambda: fetch(f"http://127.0.0.1:{hub}/hub/metrics"))
attempt("the service's pages", lambda: fetch(f"http://127.0.0.1:{service}/services/tradewind/runs"))
for path in ("users", "users/{A}", "users/{A}/server", "proxy", "services", "shutdown"):
    url = f"http://127.0.0.1:{hub}/hub/api/" + path.replace("{A}", given["A"])
    attempt(f"hub api {path}", lambda url=url: fetch(url, Authorization=f"token {mine}"))


# ---- sockets ----


def dial_socket(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        return path


for name, path in given["sockets"].items():
    attempt(f"socket of {name}", lambda path=path: dial_socket(path))
for line in open("/proc/net/unix").read().splitlines()[1:]:
    path = line.split(None, 7)[7] if len(line.split(None, 7)) == 8 else ""
    if path.startswith("@"):
        attempt(f"abstract socket {path}", lambda path=path: dial_socket("\0" + path[1:]))
attempt("put a socket of mine into the gateway's folder", lambda: open("/run/gateway/hub.sock.new", "w"))
attempt("remove a gateway socket", lambda: os.unlink("/run/gateway/hub.sock"))
attempt("rename a gateway socket", lambda: os.rename("/run/gateway/hub.sock", "/run/gateway/service.sock"))


# ---- the platform's code, the kernel's switches, more rights ----

import tradewind  # noqa: E402

for path in (
    tradewind.__file__,
    os.path.dirname(tradewind.__file__) + "/planted.py",
    given["site"] + "/x.pth",
):
    attempt(f"change {path}", lambda path=path: open(path, "a"))
for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sysrq-trigger",
    "/proc/sys/vm/drop_caches",
):
    attempt(f"turn {path}", lambda path=path: open(path, "w"))
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
    return name


attempt("new user namespace", lambda: call("unshare", 0x10000000))
attempt("new mount namespace", lambda: call("unshare", 0x00020000))
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt(
    "remount the environment",
    lambda: call("mount", b"none", given["site"].encode(), None, 0x20 | 0x1000, None),
)
attempt("become root", lambda: os.setuid(0))
attempt("change root", lambda: os.chroot("/tmp"))
attempt("raw packets", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("make a device", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
attempt("shared memory of others", lambda: (os.listdir("/dev/shm") and read("/dev/shm")) or [][0])
print("TRIED " + json.dumps(tried))
