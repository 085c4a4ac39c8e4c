"""How the tests of `POST /explain` ask, and what they look at."""

from tests.engine.images import Json
from tests.service.harness.api_client import Answer, Api
from tests.service.harness.tenants import Tenant, job


async def explain(
    api: Api, tenant: Tenant, body: object | None = None, accept: str = "*/*"
) -> Answer:
    return await api.ask("POST", "/explain", tenant, body or tenant.body(), {"Accept": accept})


def batch(tenant: Tenant, *jobs: Json, source: str = "/in.png") -> Json:
    return {"service_id": tenant.service_id, "source": source, "jobs": jobs or [job("out.png")]}


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.words["code"]
