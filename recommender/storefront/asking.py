"""The ask box: a form that is answered here without scripts, and streamed into the page with them."""

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework.request import Request

from catalog.parsers import query_fields
from recommender.api.ask import MAX_QUESTION, AskSerializer, Turn
from recommender.storefront.pages import page, page_language
from recommender.storefront.plain import PlainView
from recommender.storefront.suggestions import suggestions

FILES: Final = ("image", "audio")
MARK: Final = re.compile(r"\[(\d+)\]")
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Ask the catalog",
        "hint": "It answers from what the items say and shows which; ask on with “cheaper”, “in blue” or “more like the second”.",
        "demo": "What animals can fly?",
        "any": "What are you looking for?",
        "question": "Your question",
        "attach": "Attach a picture or a sound",
        "picture": "Picture",
        "sound": "Sound",
        "send": "Ask",
        "again": "New conversation",
        "you": "You asked",
        "answer": "The answer",
        "sources": "Cited",
        "thinking": "Looking …",
        "written": "Written by a language model from these items; every sentence was checked against them.",
        "degraded": "The language model could not help this time: these are the items’ own words.",
        "failed": "No answer came. Try again in a moment.",
        "detach": "Remove",
        "neither": "That is neither a picture nor a sound.",
        "sounds": "the sound of {title}",
    },
    "zh": {
        "title": "问问目录",
        "hint": "答案来自商品自身的内容，并注明出处；可以接着问“便宜一点”、“蓝色的”或“更像第二个”。",
        "demo": "什么动物会飞？",
        "any": "您想找什么？",
        "question": "您的问题",
        "attach": "附上图片或声音",
        "picture": "图片",
        "sound": "声音",
        "send": "提问",
        "again": "新的对话",
        "you": "您的问题",
        "answer": "回答",
        "sources": "引用",
        "thinking": "正在查找…",
        "written": "由语言模型根据这些内容撰写，每句话都已与其核对。",
        "degraded": "语言模型这次未能帮忙：以下是内容自身的文字。",
        "failed": "没有得到回答，请稍后再试。",
        "detach": "移除",
        "neither": "这既不是图片也不是声音。",
        "sounds": "{title}的声音",
    },
}


def ask_box(request: HttpRequest) -> dict[str, Any]:
    """What the box of the template ``storefront/ask.html`` shows, and what is ``suggested`` beside it."""
    words = WORDS["zh" if page_language(request) == "zh-hans" else "en"]
    suggested = suggestions(request)
    return {
        "suggested": suggested,
        "ask": {
            "words": words,
            "placeholder": words["demo"] if suggested.is_demo else words["any"],
            "most": MAX_QUESTION,
            "url": reverse("storefront:ask"),
            "lang": request.GET.get("lang", ""),
        },
    }


class AskPage(PlainView):
    """A conversation without scripts: each turn is a page, and its form carries the state."""

    def get(self, request: Request) -> HttpResponse:
        """The box; with ``?question=`` its answer."""
        said = query_fields(request)
        if not said.get("question"):
            return self.shown({})
        return self.answered({"question": said["question"]})

    def post(self, request: Request) -> HttpResponse:
        """One turn, with a picture and a sound if there are any."""
        said = request.POST
        files = [name for name in FILES if request.FILES.get(name)]
        if not said.get("question", "").strip() and not files:
            return self.shown({})
        given: dict[str, Any] = {"attachments": [{name: name} for name in files]}
        given |= {
            name: said[name] for name in ("question", "history") if said.get(name, "").strip()
        }
        return self.answered(given)

    def answered(self, given: dict[str, Any]) -> HttpResponse:
        """The answer's page. Raises what the API raises."""
        request = self.request
        if lang := self.said().get("lang"):
            given["lang"] = lang
        checked = dict(AskSerializer().run_validation(given))
        files = {name: request.FILES[name] for name in FILES if request.FILES.get(name)}
        answer = Turn.taken(request, checked, files, time.perf_counter()).answer()
        return self.shown({"asked": checked.get("question", ""), "answer": _shown(answer, lang)})

    def problem_page(self, context: Mapping[str, Any], status: int) -> HttpResponse:
        """The problem, and the box to ask again."""
        return self.shown(context, status)

    def shown(self, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
        """The page in the visitor's language."""
        request = self.request._request
        return page(request, "storefront/ask_page.html", {**ask_box(request), **context}, status)


def _shown(answer: Mapping[str, Any], lang: str | None) -> dict[str, Any]:
    """With the text cut at its citations, and the items' addresses."""
    cited = [
        each
        | {
            "address": reverse("storefront:plain-item", args=[each["item"]["external_id"]])
            + (f"?{urlencode({'lang': lang})}" if lang else "")
        }
        for each in answer["citations"]
    ]
    marks = {str(each["mark"]) for each in cited}
    pieces = [
        {"mark": part if at % 2 and part in marks else "", "text": f"[{part}]" if at % 2 else part}
        for at, part in enumerate(MARK.split(answer["answer"]))
    ]
    return {**answer, "citations": cited, "pieces": pieces}
