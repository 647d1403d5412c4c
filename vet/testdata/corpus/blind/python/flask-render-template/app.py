import os

from flask import Flask, abort, render_template
from jinja2 import TemplateNotFound

app = Flask(__name__, template_folder=os.environ["BASE"])


@app.route("/info/<path:page>")
def info(page):
    try:
        return render_template(f"{page}.txt")
    except TemplateNotFound:
        abort(404)
