import os

from flask import Flask, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.route("/terms")
def terms():
    download = request.args.get("download", "0") == "1"
    name = request.args.get("name") or "terms.txt"
    return send_file(os.path.join(BASE, "hello.txt"), as_attachment=download, download_name=name)
