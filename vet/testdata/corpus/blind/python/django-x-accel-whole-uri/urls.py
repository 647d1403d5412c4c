from django.http import HttpResponse
from django.urls import path


def send(request):
    uri = request.GET.get("uri", "")
    response = HttpResponse()
    response["X-Accel-Redirect"] = uri
    return response


urlpatterns = [path("dl", send)]
