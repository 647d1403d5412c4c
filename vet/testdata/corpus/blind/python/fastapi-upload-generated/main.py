import os
import secrets

from fastapi import FastAPI, UploadFile

app = FastAPI()
names: dict[str, str] = {}


@app.post("/upload")
async def upload(file: UploadFile):
    key = secrets.token_hex(16)
    fd = os.open(os.path.join(os.environ["BASE"], key), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as out:
        while chunk := await file.read(1 << 16):
            out.write(chunk)
    names[key] = file.filename or "unnamed"
    return {"key": key, "name": names[key]}
