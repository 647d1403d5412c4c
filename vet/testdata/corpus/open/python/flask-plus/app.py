import os

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    name = request.values.get("name")
    with open(BASE + "/" + name) as fh:
        return fh.read()
