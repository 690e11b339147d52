"""An API with a view of each shape that Django REST framework has."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from rest_framework.decorators import api_view, authentication_classes, renderer_classes
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet, ViewSet

from invalidation.http import add_cache_tags, cache_public_page, cache_tags, conditional
from tests.fixtures.library.models import Genre

public = method_decorator(cache_control(public=True, s_maxage=600), name="dispatch")


class Genres(ModelSerializer):
    class Meta:
        model = Genre
        fields = ["slug"]


class Plain:
    """What all of them have in common."""

    authentication_classes: list[Any] = []
    renderer_classes = [JSONRenderer]
    queryset = Genre.objects.all()
    serializer_class = Genres
    pagination_class = None


@public
class ByCall(Plain, ListAPIView):
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        add_cache_tags(request, "rest:call")
        return super().get(request, *args, **kwargs)


@public
class InSerializer(Plain, RetrieveAPIView):
    def get_object(self) -> Any:
        add_cache_tags(self.request, "rest:object")
        return Genre(slug="prose")


@public
@method_decorator(cache_tags("rest:dispatch"), name="dispatch")
class OnDispatch(Plain, ListAPIView):
    pass


@public
@method_decorator(cache_tags("rest:get"), name="get")
class OnMethod(Plain, ListAPIView):
    pass


@public
class Bare(Plain, ListAPIView):
    @cache_tags("rest:bare")
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)


@public
@method_decorator(cache_tags("rest:list"), name="list")
class Models(Plain, ModelViewSet):
    pass


@public
class Actions(Plain, ViewSet):
    def list(self, request: Any) -> Any:
        add_cache_tags(request, "rest:action")
        return Response([])


@cache_control(public=True, s_maxage=600)
@api_view(["GET"])
@authentication_classes([])
@renderer_classes([JSONRenderer])
@cache_tags("rest:inside")
def inside(request: Any) -> Any:
    add_cache_tags(request, "rest:function")
    return Response([])


@cache_control(public=True, s_maxage=600)
@cache_tags("rest:outside")
@api_view(["GET"])
@authentication_classes([])
@renderer_classes([JSONRenderer])
def outside(_request: Any) -> Any:
    return Response([])


@public
class Stored(Plain, ListAPIView):
    @method_decorator(cache_public_page(600, tags=["library.genre"]))
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        add_cache_tags(request, "rest:stored")
        return super().get(request, *args, **kwargs)


@public
class Validated(Plain, ListAPIView):
    @method_decorator(conditional(tags=["library.genre"]))
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        add_cache_tags(request, "rest:validated")
        return super().get(request, *args, **kwargs)


class Known:
    """Signs in whoever names himself in the query: nothing outside the framework sees that."""

    def authenticate(self, request: Any) -> Any:
        from django.contrib.auth.models import User

        name = request.query_params.get("name")
        return (User(username=name), None) if name else (AnonymousUser(), None)

    def authenticate_header(self, _request: Any) -> str:
        return ""


@public
class Personal(Plain, ListAPIView):
    authentication_classes = [Known]

    @method_decorator(cache_public_page(600, tags=["library.genre"]))
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return Response({"name": request.user.get_username()})


urlpatterns = [
    path("call/", ByCall.as_view()),
    path("object/", InSerializer.as_view()),
    path("dispatch/", OnDispatch.as_view()),
    path("get/", OnMethod.as_view()),
    path("bare/", Bare.as_view()),
    path("list/", Models.as_view({"get": "list"})),
    path("action/", Actions.as_view({"get": "list"})),
    path("inside/", inside),
    path("outside/", outside),
    path("stored/", Stored.as_view()),
    path("validated/", Validated.as_view()),
    path("personal/", Personal.as_view()),
]
