import os

from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()
BASE = os.environ["BASE"]


@app.get("/f")
def f(name: str):
    return FileResponse(os.path.join(BASE, name))
