import os

from pydantic import BaseModel
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()
BASE = os.environ["BASE"]


class Wanted(BaseModel):
    name: str
    size: int = 0


@app.post("/f")
def f(wanted: Wanted):
    with open(os.path.join(BASE, wanted.name)) as fh:
        return PlainTextResponse(fh.read())
