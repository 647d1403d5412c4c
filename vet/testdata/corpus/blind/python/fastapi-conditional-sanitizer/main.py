import os

from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()


@app.get("/get")
async def get(name: str, raw: bool = False):
    if not raw:
        name = os.path.basename(name)
    return FileResponse(os.path.join(os.environ["BASE"], name))
