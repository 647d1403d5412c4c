import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/p/<int:page>")
def f(page):
    return send_file(os.path.join(BASE, f"page-{page}.txt"), max_age=0)
