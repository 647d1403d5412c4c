import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def fine(name):
    return ".." not in name and not name.startswith("/")


@app.get("/f")
def f():
    name = request.args["name"]
    if not fine(name):
        abort(404)
    return send_file(os.path.join(BASE, name))
