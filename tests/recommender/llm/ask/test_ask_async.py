"""A streamed answer under ASGI."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from tests.recommender.llm.ask.worlds import made

ASK = "/api/v1/ask/"


@pytest.mark.django_db(transaction=True)
def test_under_asgi_events_are_sent_one_by_one(space):
    made(space)

    async def streamed() -> list[bytes]:
        answer = await AsyncClient().post(
            ASK,
            json.dumps({"question": "Which bird can fly?", "stream": True}),
            content_type="application/json",
        )
        chunks = [chunk async for chunk in answer.streaming_content]
        await sync_to_async(connections.close_all)()  # of the thread that answered
        return chunks

    chunks = asyncio.run(streamed())
    assert [chunk.split(b"\n")[0] for chunk in chunks] == [
        b"event: items", b"event: text", b"event: text", b"event: text", b"event: done",
    ]  # fmt: skip
