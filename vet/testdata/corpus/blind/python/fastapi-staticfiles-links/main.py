import os

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/static", StaticFiles(directory=os.environ["BASE"], follow_symlink=True), name="static")


@app.get("/health")
def health():
    return {"ok": True}
