import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    path = os.path.join(BASE, request.args["name"])
    if not path.startswith(BASE + os.sep):
        abort(403)
    return send_file(path)
