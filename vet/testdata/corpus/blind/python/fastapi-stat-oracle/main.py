import os
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()
ROOT = Path(os.environ["BASE"]).resolve()


@app.get("/f")
def f(name: str):
    path = ROOT.joinpath(name)
    if not path.exists():
        raise HTTPException(404, "no such file")
    if not path.resolve().is_relative_to(ROOT):
        raise HTTPException(403, "outside of the share")
    return FileResponse(path)
