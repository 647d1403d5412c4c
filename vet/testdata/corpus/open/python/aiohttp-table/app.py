import os

from aiohttp import web

BASE = os.environ["BASE"]


FILES = {"hello": "hello.txt", "report": "report.txt"}


async def f(request):
    name = FILES.get(request.query.get("name"))
    if name is None:
        raise web.HTTPNotFound()
    return web.FileResponse(os.path.join(BASE, name))


app = web.Application()
app.add_routes([web.get("/f", f)])
