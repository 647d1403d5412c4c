import os

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/p", response_class=PlainTextResponse)
def p(name: str = Query(..., regex=r"^[a-z0-9]+\.txt$")):
    try:
        with open(os.path.join(os.environ["BASE"], name)) as f:
            return f.read()
    except FileNotFoundError:
        raise HTTPException(404)
