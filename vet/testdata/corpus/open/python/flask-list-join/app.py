import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    parts = [BASE, request.args["name"]]
    return send_file("/".join(parts))
