import os

from aiohttp import web

ASSETS = {"motd": "hello.txt", "report": "report.txt"}


async def asset(request):
    key = request.match_info["key"]
    try:
        filename = ASSETS[key]
    except KeyError:
        raise web.HTTPNotFound(text="unknown asset: " + key)
    return web.FileResponse(os.path.join(os.environ["BASE"], filename))


app = web.Application()
app.router.add_get("/asset/{key}", asset)
