import os
from functools import wraps

from flask import Flask, abort, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def contained(view):
    @wraps(view)
    def wrapper(name, *args, **kwargs):
        full = os.path.normpath(os.path.join(BASE, name))
        if os.path.commonpath([BASE, full]) != BASE or full == BASE:
            abort(404)
        return view(full, *args, **kwargs)

    return wrapper


@app.route("/d/<path:name>")
@contained
def d(full):
    return send_file(full)
