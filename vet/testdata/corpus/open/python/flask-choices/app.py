import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


NAMES = ("hello.txt", "report.txt")


@app.get("/f")
def f():
    name = request.args["name"]
    if name not in NAMES:
        abort(404)
    return send_file(os.path.join(BASE, name))
