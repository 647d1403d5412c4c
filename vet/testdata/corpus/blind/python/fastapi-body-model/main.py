import os
from string import Template
from typing import Dict

from fastapi import FastAPI
from pydantic import BaseModel


class Render(BaseModel):
    template: str
    vars: Dict[str, str] = {}


app = FastAPI()


def load(name: str) -> Template:
    path = os.path.join(os.environ["BASE"], name)
    with open(path) as f:
        return Template(f.read())


@app.post("/render")
def render(body: Render):
    return {"text": load(body.template).safe_substitute(body.vars)}
