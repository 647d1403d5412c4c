from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse

from deps import requested_path

app = FastAPI()


@app.get("/preview", response_class=PlainTextResponse)
def preview(path=Depends(requested_path), limit: int = 4096):
    with path.open("r", errors="replace") as fh:
        return fh.read(limit)
