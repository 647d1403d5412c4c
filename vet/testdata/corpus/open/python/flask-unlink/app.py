import os
from pathlib import Path

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.post("/rm")
def f():
    Path(BASE, request.form["name"]).unlink()
    return "", 204
