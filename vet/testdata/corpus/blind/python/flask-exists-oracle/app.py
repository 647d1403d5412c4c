import os

from flask import Flask, request, send_from_directory

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.route("/o")
def o():
    name = request.args.get("name", "")
    if not os.path.exists(os.path.join(BASE, name)):
        return "no such file", 404
    if ".." in name.split("/") or name.startswith("/"):
        return "forbidden", 403
    return send_from_directory(BASE, name)
