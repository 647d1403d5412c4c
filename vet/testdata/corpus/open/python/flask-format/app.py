import os

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    path = "{0}/{name}".format(BASE, name=request.args["name"])
    return open(path).read()
