from django.urls import path, register_converter

from converters import TextName
from views import text

register_converter(TextName, "text")

urlpatterns = [path("t/<text:name>", text)]
