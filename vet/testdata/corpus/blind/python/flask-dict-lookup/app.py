import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BROCHURES = {
    "en": "hello.txt",
    "de": "report.txt",
}


@app.route("/brochure")
def brochure():
    lang = request.args.get("lang", "en")
    filename = BROCHURES.get(lang)
    if filename is None:
        abort(404)
    path = os.path.join(os.environ["BASE"], filename)
    return send_file(path)
