import os
from urllib.parse import unquote

from flask import Flask, abort, request, send_file

app = Flask(__name__)
FILES = os.getenv("BASE")


@app.route("/get")
def get():
    f = request.args.get("f", "")
    if ".." in f or f.startswith("/"):
        abort(400)
    # browsers encode twice behind the old proxy
    f = unquote(f)
    return send_file(f"{FILES}/{f}")
