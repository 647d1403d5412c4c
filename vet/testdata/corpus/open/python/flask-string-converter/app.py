import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/d/<name>")
def f(name):
    if name == "..":
        abort(404)
    return send_file(os.path.join(BASE, name))
