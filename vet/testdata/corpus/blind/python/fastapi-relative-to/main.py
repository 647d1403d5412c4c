import os
from pathlib import Path

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()
ROOT = Path(os.environ["BASE"]).resolve(strict=True)


def checked(name: str) -> Path:
    candidate = (ROOT / name).resolve()
    try:
        candidate.relative_to(ROOT)
    except ValueError:
        raise HTTPException(404) from None
    return candidate


@app.get("/f/{name:path}")
def f(path: Path = Depends(checked)):
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path)
