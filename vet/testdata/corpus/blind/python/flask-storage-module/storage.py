import os


class Storage:
    def __init__(self, root=None):
        self.root = root or os.environ["BASE"]

    def _locate(self, name):
        return "%s/%s" % (self.root, name)

    def load(self, name):
        with open(self._locate(name), "rb") as f:
            return f.read()
