import os

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

app = Starlette(
    routes=[
        Mount("/static", StaticFiles(directory=os.environ["BASE"]), name="static"),
    ],
)
