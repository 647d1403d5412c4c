import os
from werkzeug.utils import safe_join

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/d/<path:name>")
def f(name):
    path = safe_join(BASE, name)
    if path is None or not os.path.isfile(path):
        abort(404)
    return send_file(path)
