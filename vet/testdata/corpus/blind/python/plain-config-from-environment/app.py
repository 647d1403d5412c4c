import configparser
import os
from urllib.parse import parse_qs

CONFIG = os.environ.get("APP_CONFIG", os.path.join(os.environ["BASE"], "app.ini"))

config = configparser.ConfigParser()
with open(CONFIG) as fh:
    config.read_file(fh)


def motd():
    path = os.path.join(os.environ["BASE"], config["texts"]["motd"])
    with open(path) as fh:
        return fh.read()


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    text = motd()
    if "upper" in query:
        text = text.upper()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
