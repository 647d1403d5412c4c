import os

from flask import Flask, abort, send_file

app = Flask(__name__)
ROOT = os.path.realpath(os.environ["BASE"])


def inside(path: str) -> bool:
    return os.path.commonpath([ROOT, path]) == ROOT


@app.get("/f/<path:rel>")
def fetch(rel):
    full = os.path.realpath(os.path.join(ROOT, rel))
    if not inside(full):
        abort(403)
    if not os.path.isfile(full):
        abort(404)
    return send_file(full)
