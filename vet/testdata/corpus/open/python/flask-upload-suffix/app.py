import os

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.post("/f")
def f():
    up = request.files["file"]
    if not up.filename.endswith(".txt"):
        abort(400)
    up.save(BASE + "/" + up.filename)
    return "", 204
