import os
import shutil

from fastapi import FastAPI, File, UploadFile

app = FastAPI()
UPLOAD_DIR = os.environ["BASE"]


@app.post("/upload")
async def upload(file: UploadFile = File(...)):
    dest = f"{UPLOAD_DIR}/{file.filename}"
    with open(dest, "wb") as buffer:
        shutil.copyfileobj(file.file, buffer)
    return {"filename": file.filename, "content_type": file.content_type}
