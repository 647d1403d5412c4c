import os

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.routing import Route

DIRECTORY = os.path.realpath(os.environ["BASE"])


async def serve(request):
    full_path = os.path.realpath(os.path.join(DIRECTORY, request.path_params["path"]))
    if os.path.commonprefix([full_path, DIRECTORY]) != DIRECTORY:
        raise HTTPException(status_code=404)
    return FileResponse(full_path)


app = Starlette(routes=[Route("/f/{path:path}", serve)])
