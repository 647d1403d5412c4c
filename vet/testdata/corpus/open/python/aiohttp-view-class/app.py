import os

from aiohttp import web

BASE = os.environ["BASE"]


class F(web.View):
    async def get(self):
        name = self.request.query["name"]
        return web.FileResponse(os.path.join(BASE, name))


app = web.Application()
app.add_routes([web.view("/f", F)])
