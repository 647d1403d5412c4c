import os

from fastapi import FastAPI, Response

app = FastAPI()


def sanitize(path: str) -> str:
    return path.lstrip("./")


@app.get("/static/{path:path}")
def static(path: str) -> Response:
    with open(os.path.join(os.environ["BASE"], sanitize(path)), "rb") as f:
        return Response(f.read(), media_type="application/octet-stream")
