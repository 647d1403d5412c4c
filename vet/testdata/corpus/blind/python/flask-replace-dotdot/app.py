import os
from flask import Flask, send_file

app = Flask(__name__)
app.config["REPORTS"] = os.environ.get("BASE", "/srv/files")


def clean(name):
    # strip path traversal
    return name.replace("../", "").replace("..\\", "")


@app.get("/report/<path:name>")
def report(name):
    target = app.config["REPORTS"] + "/" + clean(name)
    return send_file(target)
