"""Routes of the blog."""

from __future__ import annotations

from django.contrib.sitemaps.views import sitemap
from django.urls import path

from project.blog import api, views
from project.blog.public import public_page
from project.blog.sitemaps import SITEMAPS

app_name = "blog"

urlpatterns = [
    path("", views.home, name="home"),
    path("about/", views.about, name="about"),
    path("blog/", views.posts, name="posts"),
    path("blog/category/<slug:slug>/", views.category, name="category"),
    path("blog/author/<str:username>/", views.author, name="author"),
    path("blog/<slug:slug>/", views.post, name="post"),
    path("api/posts/", api.posts, name="api-posts"),
    path("api/posts/<slug:slug>/", api.post, name="api-post"),
    path("sitemap.xml", public_page(sitemap), {"sitemaps": SITEMAPS}, name="sitemap"),
]
