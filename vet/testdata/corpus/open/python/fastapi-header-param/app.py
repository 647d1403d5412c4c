import os

from fastapi import FastAPI, Header
from fastapi.responses import FileResponse

app = FastAPI()
BASE = os.environ["BASE"]


@app.get("/f")
def f(x_file: str = Header("hello.txt")):
    return FileResponse(os.path.join(BASE, x_file))
