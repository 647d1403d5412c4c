import os
from pathlib import Path

from flask import Blueprint, Flask, abort

ROOT = Path(os.environ["BASE"])
assets = Blueprint("assets", __name__)


@assets.route("/assets/<path:rel>")
def asset(rel):
    # older links carry a version as first element
    head, _, tail = rel.partition("/")
    p = ROOT / (tail if head == "x" else rel)
    p = p.parent / p.name
    if p.is_dir():
        abort(404)
    return read(p), {"Content-Type": "application/octet-stream"}


def read(p: Path) -> bytes:
    try:
        return p.read_bytes()
    except OSError:
        abort(404)


def create_app():
    app = Flask(__name__)
    app.register_blueprint(assets)
    return app
