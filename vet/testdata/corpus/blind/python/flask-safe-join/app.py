import os

from flask import Flask, Response, abort, request
from werkzeug.security import safe_join

app = Flask(__name__)


@app.route("/v1/object")
def get_object():
    path = safe_join(os.environ["BASE"], request.args.get("key", ""))
    if path is None:
        abort(404)
    try:
        fh = open(path, "rb")
    except OSError:
        abort(404)
    return Response(fh, mimetype="application/octet-stream")
