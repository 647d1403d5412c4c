import os

from flask import Flask, request, send_file

app = Flask(__name__)


@app.route("/page/<int:number>")
def page(number):
    size = int(request.args.get("size", 10))
    assert size > 0
    return send_file(f"{os.environ['BASE']}/page-{number}.txt")
