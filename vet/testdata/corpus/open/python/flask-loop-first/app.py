import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    for folder in ("docs", "images"):
        path = os.path.join(BASE, folder, request.args["name"])
        if os.path.exists(path):
            return send_file(path)
    abort(404)
