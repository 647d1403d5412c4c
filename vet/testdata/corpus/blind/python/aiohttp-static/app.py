import os

from aiohttp import web


async def index(request):
    return web.Response(text="hi")


app = web.Application()
app.add_routes([
    web.get("/", index),
    web.static("/static", os.environ["BASE"], show_index=False),
])
