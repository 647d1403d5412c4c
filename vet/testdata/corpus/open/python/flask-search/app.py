import os
import re

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    name = request.args["name"]
    if not re.search(r"[\w-]+\.txt", name):
        abort(400)
    return send_file(os.path.join(BASE, name))
