import os
import sqlite3

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()


def db():
    conn = sqlite3.connect(":memory:", check_same_thread=False)
    conn.executescript("CREATE TABLE item(id INTEGER PRIMARY KEY, file TEXT); INSERT INTO item VALUES (2,'report.txt');")
    try:
        yield conn
    finally:
        conn.close()


@app.get("/items/{item_id}/file")
def item_file(item_id: int, conn: sqlite3.Connection = Depends(db)):
    row = conn.execute("SELECT file FROM item WHERE id=?", [item_id]).fetchone()
    if not row:
        raise HTTPException(404)
    (name,) = row
    return FileResponse(os.path.join(os.environ["BASE"], name))
