import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    name = request.args["name"]
    while "../" in name:
        name = name.replace("../", "")
    return send_file(os.path.join(BASE, name.lstrip("/")))
