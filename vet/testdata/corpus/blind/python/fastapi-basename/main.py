import os

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()


@app.get("/download")
async def download(filename: str):
    path = os.path.join(os.environ["BASE"], os.path.basename(filename))
    if not os.path.isfile(path):
        raise HTTPException(404, "File not found")
    return FileResponse(path, filename=os.path.basename(path))
