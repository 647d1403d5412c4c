import os

from aiohttp import web


@web.middleware
async def safe_name(request, handler):
    name = os.path.basename(request.query.get("name", ""))
    if name in ("", ".", ".."):
        raise web.HTTPBadRequest()
    request["name"] = name
    return await handler(request)


async def get(request):
    path = os.path.join(os.environ["BASE"], request["name"])
    if not os.path.isfile(path):
        raise web.HTTPNotFound()
    return web.FileResponse(path)


app = web.Application(middlewares=[safe_name])
app.router.add_get("/get", get)
