import os

ROUTES = {"/": "hello.txt", "/motd": "hello.txt", "/report": "report.txt"}


def application(environ, start_response):
    name = ROUTES.get(environ["PATH_INFO"])
    if name is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found\n"]
    with open(os.path.join(os.environ["BASE"], name), "rb") as fh:
        body = fh.read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
