from __future__ import annotations

import os

from flask import Flask, Response, abort, send_file

app = Flask(__name__)
ROOT = os.path.realpath(os.environ["BASE"])


@app.get("/f/<path:rel>")
def fetch(rel: str) -> Response:
    full = os.path.realpath(os.path.join(ROOT, rel))
    if not full.startswith(ROOT):
        abort(403)
    return send_file(full)
