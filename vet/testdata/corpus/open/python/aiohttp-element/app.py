import os

from aiohttp import web

BASE = os.environ["BASE"]


async def f(request):
    return web.FileResponse(os.path.join(BASE, request.match_info["name"]))


app = web.Application()
app.add_routes([web.get("/d/{name}", f)])
