import os

from flask import Flask, request, send_file

app = Flask(__name__)
PAGES = {"1": "hello.txt", "2": "report.txt"}


@app.route("/page")
def page():
    name = PAGES[request.args["n"]]
    return send_file(os.path.join(os.environ["BASE"], name))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=8080, debug=False)
