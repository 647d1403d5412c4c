"""Flask routes that take a name from every place of a request. See the README beside this."""

import base64
import gzip
import os

from flask import Flask, Response, abort, jsonify, request

app = Flask(__name__)
BASE = os.path.abspath(os.environ.get("FILES", "files"))


def read(name):
    try:
        with open(os.path.join(BASE, name or ""), "rb") as f:
            return f.read()
    except (OSError, ValueError):
        abort(404)


@app.get("/")
def index():
    return "ready"


@app.post("/form")
def form():
    return Response(read(request.form.get("file")), mimetype="text/plain")


@app.post("/json")
def json():
    """The answer is JSON too, with the content in base64."""
    return jsonify(content=base64.b64encode(read(str((request.get_json(silent=True) or {}).get("file", "")))).decode())


@app.get("/header")
def header():
    return Response(read(request.headers.get("X-File")), mimetype="text/plain")


@app.get("/cookie")
def cookie():
    """The answer is compressed, whether or not the client wants it."""
    body = gzip.compress(read(request.cookies.get("file")))
    return Response(body, mimetype="text/plain", headers={"Content-Encoding": "gzip"})


@app.get("/path/<path:name>")
def path(name):
    return Response(read(name), mimetype="text/plain")


@app.post("/upload")
def upload():
    """The client's file name is joined to the directory."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        abort(400)
    try:
        sent.save(os.path.join(BASE, sent.filename))
    except (OSError, ValueError):
        abort(400)
    return "stored"
