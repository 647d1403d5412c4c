import os

from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()
BASE = os.environ["BASE"]


@app.get("/d/{name:path}")
async def f(name: str):
    return FileResponse(f"{BASE}/{name}")
