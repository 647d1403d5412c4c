import os

from aiohttp import web


async def store_mp3_handler(request):
    reader = await request.multipart()
    field = await reader.next()
    assert field.name == "mp3"
    filename = field.filename
    size = 0
    with open(os.path.join(os.environ["BASE"], filename), "wb") as f:
        while True:
            chunk = await field.read_chunk()
            if not chunk:
                break
            size += len(chunk)
            f.write(chunk)
    return web.Response(text="{} sized of {} successfully stored".format(filename, size))


app = web.Application()
app.router.add_post("/store", store_mp3_handler)
