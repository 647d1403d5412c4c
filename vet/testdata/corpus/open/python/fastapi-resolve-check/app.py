import os

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()
BASE = os.environ["BASE"]


@app.get("/f")
def f(name: str):
    path = os.path.normpath(os.path.join(BASE, name))
    if not path.startswith(os.path.join(BASE, "")):
        raise HTTPException(404)
    return FileResponse(path)
