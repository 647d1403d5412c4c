import os
from pathlib import Path
from uuid import UUID

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()
STORE = Path(os.environ["BASE"])


@app.get("/objects/{object_id}")
async def get_object(object_id: UUID):
    path = STORE / f"{object_id}.txt"
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/octet-stream")
