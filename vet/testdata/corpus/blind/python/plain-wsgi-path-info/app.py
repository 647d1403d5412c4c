import mimetypes
import os
from wsgiref.util import FileWrapper

BASE = os.environ["BASE"]


def application(environ, start_response):
    path = BASE + environ.get("PATH_INFO", "/")
    if not os.path.isfile(path):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found"]
    ctype = mimetypes.guess_type(path)[0] or "application/octet-stream"
    start_response("200 OK", [("Content-Type", ctype), ("Content-Length", str(os.path.getsize(path)))])
    return FileWrapper(open(path, "rb"))
