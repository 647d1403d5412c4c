class TextName:
    regex = r"[a-z0-9_-]+\.txt"

    def to_python(self, value):
        return value

    def to_url(self, value):
        return value
