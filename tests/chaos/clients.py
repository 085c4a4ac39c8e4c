"""Customers: they post batches until each is accepted, and take callbacks."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import takewhile

import aiohttp
from aiohttp import web

from service.dev.stack import HOST
from tests.chaos.batches import BATCHES
from tests.chaos.installation import Installation
from tests.chaos.options import Options

AT_ONCE = 12
PATIENCE_SECONDS = 10.0
FAILS = 0.1  # the part of callbacks that the receiver answers with an error at first


class Customers:
    """`accepted` are the ids that were answered 200, with the number of each request.

    `failed` are all tries that were not, whatever came of the next. They post to the APIs, or to
    the URLs that are given.
    """

    def __init__(
        self, installation: Installation, options: Options, hook: str, urls: Sequence[str] = ()
    ) -> None:
        self.accepted: dict[str, int] = {}
        self.refused: list[str] = []
        self.failed: list[str] = []
        self.stopped = False
        self.posting = True
        self._installation = installation
        self._urls = urls or installation.urls
        self._options = options
        self._hook = hook
        self._chance = random.Random(options.seed + 2)

    async def post_all(self) -> None:
        """Post everything, spread over the time of the run, or until `stopped`."""
        numbers = takewhile(lambda _: not self.stopped, range(self._options.processes))
        began = asyncio.get_running_loop().time()
        spacing = self._options.seconds / self._options.processes

        async def post_some(client: aiohttp.ClientSession) -> None:
            for number in numbers:
                due = began + number * spacing
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                await self._post(client, number)

        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        headers = {"Authorization": f"Bearer {self._installation.token}"}
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout) as client,
            asyncio.TaskGroup() as group,
        ):
            for number in range(AT_ONCE):
                group.create_task(post_some(client), name=f"customer {number}")
        self.posting = False

    async def _post(self, client: aiohttp.ClientSession, number: int) -> None:
        """Post one batch with its key, to one API after the other, until it is answered."""
        batch = BATCHES[number % len(BATCHES)]
        body = json.dumps(
            {
                "service_id": self._installation.service_id,
                "callback": f"{self._hook}/{number}",
                **batch.request(f"results/{number}"),
            }
        )
        headers = {"Idempotency-Key": f"chaos-{number}"}
        while True:
            url = f"{self._chance.choice(self._urls)}/request"
            try:
                async with client.post(url, data=body, headers=headers) as answer:
                    told = await answer.json()
                    if answer.status == 200:
                        self.accepted[told["process_id"]] = number
                        return
                    self.failed.append(f"POST {number}: {answer.status} {told}")
                    if answer.status < 500 and answer.status not in {408, 409, 429}:
                        self.refused.append(f"{number}: {answer.status} {told}")
                        return
                    if answer.status != 503:
                        self.refused.append(f"{number}: {answer.status} {told}, tried again")
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.failed.append(f"POST {number}: {error!r}")
            await asyncio.sleep(self._chance.uniform(0.1, 0.5))


class Receiver:
    """Remembers the ids of the callbacks of each request; at times fails at first."""

    def __init__(self, seed: int) -> None:
        self.url = ""
        self.ids: defaultdict[int, list[str]] = defaultdict(list)
        self._chance = random.Random(seed + 3)
        self._failed: set[int] = set()

    @property
    def total(self) -> int:
        """How many callbacks came, those that came again included."""
        return sum(map(len, self.ids.values()))

    @property
    def duplicates(self) -> int:
        """How many came more than once, with the same id."""
        return self.total - sum(len(set(ids)) for ids in self.ids.values())

    async def take(self, request: web.Request) -> web.Response:
        """Take a callback."""
        number = int(request.match_info["number"])
        if number not in self._failed and self._chance.random() < FAILS:
            self._failed.add(number)  # a second failure would be tried again after minutes
            return web.Response(status=503)
        await request.read()
        self.ids[number].append(request.headers["webhook-id"])
        return web.Response()


@asynccontextmanager
async def receiving(seed: int) -> AsyncIterator[Receiver]:
    """Run the receiver."""
    receiver = Receiver(seed)
    app = web.Application()
    app.router.add_post("/{number}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    receiver.url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
