"""The API of the catalog: items, their media, and the category tree."""

import re
from typing import Any, BinaryIO, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import selectors, services
from catalog.access import has_scope
from catalog.exceptions import AlreadyExists
from catalog.filters import ItemFilter, refuse_unknown
from catalog.item_input import (
    ItemWriteSerializer,
    MediaUploadSerializer,
    changes_from,
    content_from,
)
from catalog.models import Item, Media
from catalog.models.api_keys import Scope
from catalog.models.items import EXTERNAL_ID_PATTERN
from catalog.parsers import BoundedMultiPartParser, StrictJSONParser
from catalog.serializers import CategorySerializer, ItemSerializer, MediaSerializer
from catalog.tree import category_tree
from catalog.uploads import check_upload
from catalog.wake import workers_wake

CREATED = 201
LIST_PARAMETERS = frozenset({*ItemFilter.base_filters, "limit", "cursor"})


def items_shown(request: Request) -> QuerySet[Item]:
    """All items to who may write them, the visible ones to others; with what answers need."""
    items = selectors.items_for_api()
    return items if has_scope(request, Scope.CATALOG) else items.visible()


def item_or_404(request: Request, external_id: str) -> Item:
    """The item, if it exists for this client."""
    if not re.fullmatch(EXTERNAL_ID_PATTERN, external_id):
        raise Http404(external_id)
    item = items_shown(request).filter(external_id=external_id).first()
    if item is None:
        raise Http404(external_id)
    return item


def _answer(request: Request, external_id: str, status: int) -> Response:
    item = selectors.items_for_api().get(external_id=external_id)
    address = request.build_absolute_uri(reverse("item", args=[external_id]))
    data = ItemSerializer(item, context={"request": request}).data
    return Response(
        data, status=status, headers={"Location": address} if status == CREATED else None
    )


def _validated(request: Request, *, partial: bool = False) -> dict[str, Any]:
    serializer = ItemWriteSerializer(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class ItemListView(ListAPIView):
    """All items."""

    serializer_class = ItemSerializer
    filterset_class = ItemFilter
    parser_classes = [StrictJSONParser]
    queryset = Item.objects.none()

    def get_queryset(self) -> QuerySet[Item]:
        """The items this client may see."""
        return items_shown(self.request)

    @extend_schema(operation_id="items_list", tags=["items"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of items, in the order they were made."""
        refuse_unknown(request, LIST_PARAMETERS)
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="items_create",
        tags=["items"],
        request=ItemWriteSerializer,
        responses={201: ItemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make an item; 409 `already_exists` if there is one with this external_id."""
        given = _validated(request)
        external_id = given.get("external_id")
        if external_id is None:
            raise ValidationError({"external_id": ["This field is required."]})
        with transaction.atomic():
            done = services.item_upsert(content_from(external_id, given), None)
            if done.outcome != "created":
                raise AlreadyExists(external_id)
            workers_wake([done.item.pk])
        return _answer(request, external_id, CREATED)


class ItemView(APIView):
    """One item."""

    parser_classes = [StrictJSONParser]

    @extend_schema(operation_id="items_retrieve", tags=["items"], responses=ItemSerializer)
    def get(self, request: Request, external_id: str) -> Response:
        """The item with its words, media and categories."""
        item = item_or_404(request, external_id)
        return Response(ItemSerializer(item, context={"request": request}).data)

    @extend_schema(
        operation_id="items_replace",
        tags=["items"],
        request=ItemWriteSerializer,
        responses={200: ItemSerializer, 201: ItemSerializer},
    )
    def put(self, request: Request, external_id: str) -> Response:
        """Make the item, or replace all of it but its media; the same PUT twice changes nothing."""
        given = _validated(request)
        _same_id(external_id, given)
        with transaction.atomic():
            done = services.item_upsert(content_from(external_id, given), None)
            if done.outcome != "unchanged":
                workers_wake([done.item.pk])
        return _answer(request, external_id, CREATED if done.outcome == "created" else 200)

    @extend_schema(
        operation_id="items_change",
        tags=["items"],
        request=ItemWriteSerializer(partial=True),
        responses=ItemSerializer,
    )
    def patch(self, request: Request, external_id: str) -> Response:
        """Change the fields given; words given for one language leave the others alone."""
        given = _validated(request, partial=True)
        _same_id(external_id, given)
        with transaction.atomic():
            found = item_or_404(request, external_id)
            item = Item.objects.select_for_update().get(pk=found.pk)
            if services.item_update(item, **changes_from(item, given)):
                workers_wake([item.pk])
        return _answer(request, external_id, 200)

    @extend_schema(operation_id="items_delete", tags=["items"], responses={204: None})
    def delete(self, request: Request, external_id: str) -> Response:
        """Delete the item and its media."""
        services.item_delete(item_or_404(request, external_id))
        return Response(status=204)


def _same_id(external_id: str, given: dict[str, Any]) -> None:
    if given.get("external_id", external_id) != external_id:
        raise ValidationError({"external_id": ["Leave it out, or repeat the one in the address."]})


class MediaListView(APIView):
    """The media of one item."""

    parser_classes = [BoundedMultiPartParser]

    @extend_schema(operation_id="media_list", tags=["media"], responses=MediaSerializer(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        """The item's pictures, sounds and videos, in their order."""
        item = item_or_404(request, external_id)
        return Response(_media(request, item.media.all(), many=True))

    @extend_schema(
        operation_id="media_create",
        tags=["media"],
        request={"multipart/form-data": MediaUploadSerializer},
        responses={200: MediaSerializer, 201: MediaSerializer},
    )
    def post(self, request: Request, external_id: str) -> Response:
        """Add a picture, sound or video; what it is, its signature decides.

        Bytes that the item already has give the medium that is there (200).
        """
        item = item_or_404(request, external_id)
        serializer = MediaUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        upload = check_upload(
            cast("BinaryIO", given["file"]),
            claimed_type=given["file"].content_type,
            name=given["file"].name,
        )
        with transaction.atomic():
            added = services.media_add(
                item, upload, alt=given.get("alt", ""), position=given.get("position")
            )
            if added.created:
                workers_wake([item.pk])
        return Response(_media(request, added.medium), status=CREATED if added.created else 200)


class MediaView(APIView):
    """One picture, sound or video."""

    @extend_schema(
        operation_id="media_delete",
        tags=["media"],
        parameters=[OpenApiParameter("media_id", int, OpenApiParameter.PATH)],
        responses={204: None},
    )
    def delete(self, request: Request, external_id: str, media_id: int) -> Response:
        """Take the picture, sound or video from its item."""
        item = item_or_404(request, external_id)
        medium = Media.objects.filter(item=item, pk=media_id).first()
        if medium is None:
            raise Http404(media_id)
        with transaction.atomic():
            services.media_delete(medium)
            workers_wake([item.pk])
        return Response(status=204)


def _media(request: Request, media: Any, *, many: bool = False) -> Any:
    return MediaSerializer(media, many=many, context={"request": request}).data


class CategoryListView(APIView):
    """The category tree."""

    @extend_schema(
        operation_id="categories_list", tags=["items"], responses=CategorySerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """The tree from its roots, with the numbers of visible items."""
        return Response(CategorySerializer(category_tree(), many=True).data)
