import os
from pathlib import Path

from aiohttp import web

BASE = Path(os.environ["BASE"])
routes = web.RouteTableDef()


@routes.get("/files/{name:.+}")
async def get_file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    path = BASE / name
    if not path.is_file():
        raise web.HTTPNotFound()
    return web.FileResponse(path)


app = web.Application()
app.add_routes(routes)
