import os

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI(title="files")
BASE = os.environ["BASE"]


@app.get("/files/{file_path:path}")
async def read_file(file_path: str):
    full = os.path.join(BASE, file_path)
    if not os.path.isfile(full):
        raise HTTPException(status_code=404)
    return FileResponse(full)
