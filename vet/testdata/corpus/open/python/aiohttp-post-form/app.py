import os

from aiohttp import web

BASE = os.environ["BASE"]


async def f(request):
    data = await request.post()
    return web.FileResponse(os.path.join(BASE, data["name"]))


app = web.Application()
app.add_routes([web.post("/f", f)])
