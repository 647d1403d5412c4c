import os

MEDIA_ROOT = os.environ["BASE"]
MEDIA_URL = "/media/"
