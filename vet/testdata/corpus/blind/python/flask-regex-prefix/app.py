import os
import re

from flask import Flask, abort, request, send_file

app = Flask(__name__)
SAFE = re.compile(r"[A-Za-z0-9_\-.]+")
BASE = os.environ["BASE"]


@app.get("/pages")
def pages():
    p = request.args.get("p", "index.html")
    if not SAFE.match(p):
        abort(400)
    return send_file(os.path.join(BASE, p))
