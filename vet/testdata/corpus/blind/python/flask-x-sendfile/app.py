import os

from flask import Flask, Response

app = Flask(__name__)
PRIVATE = os.environ["BASE"]


@app.route("/dl/<path:name>")
def dl(name):
    resp = Response()
    resp.headers["Content-Type"] = "application/octet-stream"
    resp.headers["X-Sendfile"] = os.path.join(PRIVATE, name)
    return resp
