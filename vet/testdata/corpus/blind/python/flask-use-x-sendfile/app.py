import os

from flask import Flask, request, send_file


def create_app():
    app = Flask(__name__)
    app.config["USE_X_SENDFILE"] = True
    app.config["MEDIA"] = os.environ["BASE"]

    @app.route("/media")
    def media():
        name = request.args["n"]
        path = os.path.abspath(os.path.join(app.config["MEDIA"], name))
        return send_file(path, conditional=True)

    return app
