import os
from pathlib import Path

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    path = Path(BASE) / request.args["name"]
    try:
        path.relative_to(BASE)
    except ValueError:
        abort(404)
    return send_file(path)
