import os
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Route

LOGS = Path(os.environ["BASE"])


class Log(HTTPEndpoint):
    async def get(self, request):
        wanted = request.query_params.get("file", "hello.txt")
        try:
            text = await anyio.to_thread.run_sync(self.tail, wanted)
        except OSError as e:
            return PlainTextResponse(type(e).__name__, status_code=404)
        return PlainTextResponse(text)

    @staticmethod
    def tail(name: str, lines: int = 100) -> str:
        return "\n".join((LOGS / name).read_text().splitlines()[-lines:])


app = Starlette(debug=False, routes=[Route("/log", Log)])
