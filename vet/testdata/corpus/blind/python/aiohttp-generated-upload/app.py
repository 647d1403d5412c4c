import os
import tempfile

from aiohttp import web


async def store(request):
    data = await request.post()
    upload = data["f"]
    with tempfile.NamedTemporaryFile(dir=os.environ["BASE"], prefix="up-", delete=False) as out:
        out.write(upload.file.read())
    return web.json_response({"name": upload.filename, "id": os.path.basename(out.name)})


app = web.Application()
app.add_routes([web.post("/store", store)])
