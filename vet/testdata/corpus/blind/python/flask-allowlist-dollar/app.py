import os
import re

from flask import Flask, Response, abort, request

app = Flask(__name__)
SAFE = re.compile(r"^[A-Za-z0-9_-]+\.[a-z]{2,4}$")
BASE = os.environ["BASE"]


@app.get("/pages")
def pages():
    p = request.args.get("p", "index.html")
    if not SAFE.match(p):
        abort(400)
    with open(os.path.join(BASE, p), encoding="utf-8") as fh:
        return Response(fh.read(), mimetype="text/plain")
