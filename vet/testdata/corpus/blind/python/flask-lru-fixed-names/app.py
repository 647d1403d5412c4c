import os
from functools import lru_cache

from flask import Flask, abort

app = Flask(__name__)
KNOWN = ("hello.txt", "report.txt")


@lru_cache(maxsize=8)
def content(name):
    with open(os.path.join(os.environ["BASE"], name), "rb") as f:
        return f.read()


@app.route("/img/<path:name>")
def img(name):
    if name not in KNOWN:
        abort(404)
    return content(name)
