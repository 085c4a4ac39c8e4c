"""Clients that generators make of the OpenAPI document, at work on the running API.

They need a package registry; `make generators` runs them.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.api.openapi import build_document
from service.settings import Settings
from tests.service.harness.api_client import Api
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import working

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

PYTHON = """
import sys, time
from darkroom_client import AuthenticatedClient
from darkroom_client.api.processes import create_process, explain_batch, get_process, preview_job
from darkroom_client.models import CreateProcess, PreviewRequest

url, token, service_id = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = AuthenticatedClient(base_url=url, token=token)
body = CreateProcess.from_dict({
    "service_id": service_id, "source": "/in.png",
    "jobs": [{"destination": "/out.webp", "quality": 80, "options": {"effort": 2},
              "transformations": [{"type": "resize", "width": 16}, {"type": "gamma", "level": 2}]}],
})
created = create_process.sync(client=client, body=body)
while True:
    status = get_process.sync(created.process_id, client=client)
    if status.status in ("FINISHED", "FAILED"):
        break
    time.sleep(0.1)
print(status.status, status.jobs[0].width)
refused = create_process.sync(client=client, body=CreateProcess.from_dict(
    {"service_id": service_id, "source": "/in.png", "jobs": []}))
preview = preview_job.sync(client=client, body=PreviewRequest.from_dict(
    {"service_id": service_id, "source": "/in.png",
     "jobs": [{"format": "png", "transformations": []}]}))
print(preview.payload.read(8))
print(refused.code)
"""

TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths } from "./darkroom";

const [url, token, service] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

async function main() {
  const created = await client.POST("/request", {
    body: {
      service_id: Number(service),
      source: "/in.png",
      jobs: [{ destination: "/out.webp", transformations: [{ type: "resize", width: 16 }] }],
    },
  });
  if (!created.data) throw new Error(created.error.message);
  for (;;) {
    const { data } = await client.GET("/request/{process_id}", {
      params: { path: { process_id: created.data.process_id } },
    });
    if (data && (data.status === "FINISHED" || data.status === "FAILED")) {
      console.log(data.status, data.jobs[0].width);
      return;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

main();
"""


@pytest.fixture
def document(tmp_path: Path, settings: Settings) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(build_document(settings)))
    return file


async def run(words: list[str], folder: Path) -> str:
    def done() -> str:
        ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stderr + ended.stdout

    return await asyncio.to_thread(done)


async def test_a_python_client_is_complete_and_works(
    api: Api, tenant: Tenant, settings: Settings, document: Path, tmp_path: Path
) -> None:
    uv = Path(sys.executable).parent / "uv"
    generator = [str(uv), "tool", "run", "--with", "ruff", "openapi-python-client"]
    told = await run([*generator, "generate", "--path", str(document)], tmp_path)
    assert "will not be generated" not in told
    assert "removal of" not in told
    assert "Unsupported content_type" not in told
    generated = tmp_path / "darkroom-client"
    (tmp_path / "use.py").write_text(PYTHON)
    arguments = [f"http://127.0.0.1:{api.port}", tenant.token, str(tenant.service_id)]
    with_client = [str(uv), "run", "--no-project", "--with", str(generated), "python"]
    async with working(settings):
        said = await run([*with_client, "use.py", *arguments], tmp_path)
    assert said.splitlines()[-3:] == ["FINISHED 16", repr(b"\x89PNG\r\n\x1a\n"), "invalid_request"]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_a_typescript_client_compiles_and_works(
    api: Api, tenant: Tenant, settings: Settings, document: Path, tmp_path: Path
) -> None:
    packages = [
        "openapi-typescript",
        "openapi-fetch",
        "typescript@5",
        "@types/node",
        "@redocly/cli",
    ]
    await run(["npm", "install", "--silent", "--no-audit", *packages], tmp_path)
    await run(["npx", "redocly", "lint", str(document)], tmp_path)
    optional = "--default-non-nullable=false"  # what has a default may be left out
    types = ["npx", "openapi-typescript", optional, str(document), "-o", "darkroom.d.ts"]
    await run(types, tmp_path)
    (tmp_path / "use.ts").write_text(TYPESCRIPT)
    strict = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"]
    await run(["npx", "tsc", *strict, "--skipLibCheck", "use.ts"], tmp_path)
    arguments = [f"http://127.0.0.1:{api.port}", tenant.token, str(tenant.service_id)]
    async with working(settings):
        said = await run(["node", "use.js", *arguments], tmp_path)
    assert said.splitlines()[-1] == "FINISHED 16"
