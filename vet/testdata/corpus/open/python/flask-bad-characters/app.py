import os
import re

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    name = request.args["name"]
    if re.search(r"[^A-Za-z0-9_-]", name.replace(".txt", "")):
        abort(400)
    return send_file(os.path.join(BASE, os.path.basename(name)))
