from django.urls import path

import views

urlpatterns = [path("doc/<int:pk>", views.document)]
