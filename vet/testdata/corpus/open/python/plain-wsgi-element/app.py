import os

BASE = os.environ["BASE"]


def application(environ, start_response):
    name = environ["PATH_INFO"].split("/")[-1]
    if name in ("", ".", ".."):
        start_response("404 Not Found", [])
        return []
    try:
        with open(os.path.join(BASE, name), "rb") as fh:
            body = fh.read()
    except OSError:
        start_response("404 Not Found", [])
        return []
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
