import os

from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()
BASE = os.environ["BASE"]


@app.get("/p")
def f(page: int):
    return FileResponse(os.path.join(BASE, f"page-{page}.txt"))
