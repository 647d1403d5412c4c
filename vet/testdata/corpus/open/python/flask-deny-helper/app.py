import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def refuse(name):
    if "/" in name or name in ("", ".", ".."):
        abort(404)


@app.get("/f")
def f():
    name = request.args["name"]
    refuse(name)
    return send_file(os.path.join(BASE, name))
