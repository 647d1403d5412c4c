import os

from flask import Flask, abort, render_template_string, request, send_file

app = Flask(__name__)
LOGS = os.environ["BASE"]


@app.route("/logs")
def logs():
    names = sorted(os.listdir(LOGS))
    name = request.args.get("name")
    if name is None:
        return render_template_string("{% for n in names %}<a href='?name={{ n }}'>{{ n }}</a> {% endfor %}", names=names)
    if name not in names:
        abort(404)
    return send_file(os.path.join(LOGS, name), mimetype="text/plain")
