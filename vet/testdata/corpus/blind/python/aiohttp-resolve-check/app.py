import os
import pathlib

from aiohttp import web

ROOT = pathlib.Path(os.environ["BASE"]).resolve()


async def download(request):
    p = ROOT.joinpath(request.query["p"]).resolve()
    if ROOT not in p.parents:
        raise web.HTTPForbidden
    try:
        data = p.read_bytes()
    except OSError:
        raise web.HTTPNotFound
    return web.Response(body=data)


app = web.Application()
app.router.add_get("/d", download)
