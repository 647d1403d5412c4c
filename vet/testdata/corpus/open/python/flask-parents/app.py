import os
from pathlib import Path

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    path = Path(os.path.normpath(Path(BASE) / request.args["name"]))
    if Path(BASE) not in path.parents:
        abort(404)
    return send_file(path)
