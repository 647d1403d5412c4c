import asyncio
import os

from aiohttp import web


def slurp(path):
    with open(path, errors="replace") as fh:
        return fh.read()


class Handler:
    def __init__(self, logdir):
        self._logdir = logdir

    async def tail(self, request):
        log = request.rel_url.query.get("log", "app.log")
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(None, slurp, "{0}/{1}".format(self._logdir, log))
        return web.Response(text=text)


def create_app():
    app = web.Application()
    handler = Handler(os.environ["BASE"])
    app.router.add_get("/tail", handler.tail)
    return app
