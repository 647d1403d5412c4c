import os

BASE = os.environ["BASE"]


def application(environ, start_response):
    name = environ.get("HTTP_X_FILE", "hello.txt")
    with open(os.path.join(BASE, name), "rb") as fh:
        body = fh.read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
