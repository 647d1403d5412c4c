import os

from aiohttp import web

app = web.Application()
app.router.add_static("/static/", path=os.environ["BASE"], name="static", follow_symlinks=True)
