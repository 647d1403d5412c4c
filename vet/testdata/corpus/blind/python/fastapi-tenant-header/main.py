import os
from pathlib import Path

from fastapi import APIRouter, FastAPI, Header, HTTPException
from fastapi.responses import FileResponse

router = APIRouter(prefix="/doc")
ROOT = Path(os.environ["BASE"])


@router.get("/{name}")
def tenant_doc(name: str, x_tenant: str = Header("public")):
    if "/" in name or name.startswith("."):
        raise HTTPException(400, "bad name")
    path = Path(ROOT, x_tenant, name)
    if not path.exists():
        raise HTTPException(404)
    return FileResponse(path)


app = FastAPI()
app.include_router(router)
