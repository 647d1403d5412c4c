import os
import flask

app = flask.Flask(__name__)
TEXTS = os.environ["BASE"]


def load_text(lang: str) -> str:
    with open(f"{TEXTS}/{lang}.txt", encoding="utf-8") as fh:
        return fh.read()


@app.route("/")
def home():
    lang = flask.request.cookies.get("lang") or "hello"
    return load_text(lang)
