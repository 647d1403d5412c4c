import os

from flask import Flask, abort, request, send_file
from werkzeug.security import safe_join

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.route("/x")
def x():
    name = request.args["name"]
    if safe_join(BASE, name) is None:
        abort(404)
    version = request.args.get("version")
    path = f"{BASE}/docs/{version}" if version else f"{BASE}/{name}"
    return send_file(path)
