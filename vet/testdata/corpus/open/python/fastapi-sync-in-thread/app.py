import os

from fastapi.concurrency import run_in_threadpool
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()
BASE = os.environ["BASE"]


@app.get("/f")
async def f(name: str):
    text = await run_in_threadpool(read, name)
    return PlainTextResponse(text)


def read(name):
    with open(os.path.join(BASE, name)) as fh:
        return fh.read()
