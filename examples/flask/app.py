"""The four download routes that tutorials show, as they are usually copied. All of them leak; see the README beside this.

FILES names the directory that is meant to be served. With USE_X_SENDFILE=1 Flask names the file to the server in front
and does not send it: the one line of configuration that `rootbound gate` asks for.
"""

import os
import re

from flask import Flask, abort, request, send_file, send_from_directory
from werkzeug.utils import secure_filename

app = Flask(__name__)
app.config["USE_X_SENDFILE"] = os.environ.get("USE_X_SENDFILE") == "1"

BASE = os.path.abspath(os.environ.get("FILES", "files"))


@app.get("/")
def index():
    return "ready"


@app.get("/raw")
def raw():
    """Never do this: the name goes straight to send_file."""
    return send_file(os.path.join(BASE, request.args.get("file", "")))


@app.get("/replace")
def replace():
    """Taking out '../' once makes '../' of '....//'."""
    name = request.args.get("file", "").replace("../", "")
    return send_file(os.path.join(BASE, name))


@app.get("/secure")
def secure():
    """secure_filename, abspath, startswith, exists, send_from_directory: no name leaves BASE, but a link in BASE does."""
    name = secure_filename(request.args.get("file", ""))
    if not name:
        abort(400)
    path = os.path.abspath(os.path.join(BASE, name))
    if not path.startswith(BASE):
        abort(403)
    if not os.path.exists(path):
        abort(404)
    return send_from_directory(BASE, name)


@app.get("/allowlist")
def allowlist():
    """An allowlist with '$', which lets a newline by; then replace, startswith, send_from_directory."""
    name = request.args.get("file", "")
    if not re.match(r"^[a-zA-Z0-9_\-\.]+$", name):
        abort(400)
    name = name.replace("../", "").replace("./", "").replace("//", "")
    path = os.path.abspath(os.path.join(BASE, name))
    if not path.startswith(BASE):
        abort(403)
    return send_from_directory(BASE, name)
