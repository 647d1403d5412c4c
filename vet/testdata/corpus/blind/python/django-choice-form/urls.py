import os

from django import forms
from django.http import FileResponse, HttpResponseBadRequest
from django.urls import path


class ReportForm(forms.Form):
    report = forms.ChoiceField(choices=[("report.txt", "Yearly"), ("hello.txt", "Welcome")])


def report(request):
    form = ReportForm(request.GET)
    if not form.is_valid():
        return HttpResponseBadRequest()
    name = form.cleaned_data["report"]
    return FileResponse(open(os.path.join(os.environ["BASE"], name), "rb"))


urlpatterns = [path("report", report)]
