"""Writes the expected renderings of chat templates.

    python make_templates.py TEMPLATES_FOLDER

TEMPLATES_FOLDER holds the *.jinja files of llama.cpp's models/templates. Beside this script, in templates/, it writes
  conversations.json  the conversations that every template is tried on
  models.json         for each file and conversation, FNV-1a 64 and length in bytes of the rendering, or null for a refusal
  cases.json          for each small template of cases.txt, its rendering, or null for a refusal
as Jinja gives them in the set-up of transformers' apply_chat_template. Needs transformers and jinja2.
"""

import datetime as real_datetime
import glob
import json
import os
import sys

from transformers.utils import chat_template_utils


class FixedTime(real_datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 12, 3, 14, 5, 6)


chat_template_utils.datetime = FixedTime
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a \"city\" <now> & here.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city's name"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "Unit", "default": "celsius"},
                "days": {"type": "integer", "description": "Days ahead"},
            },
            "required": ["city"],
        },
    },
}
SUM = {
    "type": "function",
    "function": {
        "name": "add_all",
        "description": "Adds numbers.",
        "parameters": {
            "type": "object",
            "properties": {
                "numbers": {"type": "array", "items": {"type": "number"}, "description": "The terms"},
                "options": {"type": "object", "properties": {"exact": {"type": "boolean"}}, "required": []},
            },
            "required": ["numbers"],
        },
    },
}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **fields):
    return {"role": "assistant", "content": text, **fields}


def call(name, arguments, identifier):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(text, identifier, name="get_weather"):
    return {"role": "tool", "content": text, "tool_call_id": identifier, "name": name}


SYSTEM = {"role": "system", "content": "  You are terse.\nAnswer in one line. "}
CALLS = [user("Weather in Zürich?"), assistant("", tool_calls=[call("get_weather", {"city": "Zürich", "days": 2}, "abcdef123")])]
RESULT = tool('{"temperature": 21.5, "sky": "blue"}', "abcdef123")
TWO_CALLS = [
    SYSTEM,
    user("Add 1, 2 and the weather."),
    assistant(
        "Let me see.",
        reasoning_content="Two tools are needed.",
        tool_calls=[
            call("add_all", {"numbers": [1, 2.5, 1e20], "options": {"exact": True, "none": None}}, "aaaaaaaa1"),
            call("get_weather", {"city": "O'Hare \"x\" <y>"}, "bbbbbbbb2"),
        ],
    ),
    tool("3.5", "aaaaaaaa1", "add_all"),
    tool("rain", "bbbbbbbb2"),
]
STRING_CALLS = [user("Weather?"), assistant(None, tool_calls=[call("get_weather", '{"city": "Bern"}', "abcdef123")]), RESULT]


def conversation(name, messages, tools=None, **extra):
    return {"name": name, "messages": messages, "tools": tools, "extra": extra}


CONVERSATIONS = [
    conversation("plain", [user("Hello there!")]),
    conversation("system", [SYSTEM, user("What is 2+2?")]),
    conversation("turns", [SYSTEM, user("Hi\n"), assistant(" Hello! "), user("名前は何ですか？🙂"), assistant("Apus."), user("Bye.")]),
    conversation("ended", [user("One?"), assistant("Two.")]),
    conversation("reasoning", [user("Why?"), assistant("Because.", reasoning_content="I think so.\n"), user("Really?")]),
    conversation("think", [user("Why?"), assistant("<think>\nI think so.\n</think>\n\nBecause."), user("Really?")]),
    conversation("thinking", [SYSTEM, user("Think!")], enable_thinking=True),
    conversation("unthinking", [SYSTEM, user("Do not think!")], enable_thinking=False),
    conversation("tools", [user("Weather?")], [WEATHER, SUM]),
    conversation("systemTools", [SYSTEM, user("Weather?")], [WEATHER]),
    conversation("calls", CALLS, [WEATHER]),
    conversation("results", CALLS + [RESULT], [WEATHER, SUM]),
    conversation("answered", CALLS + [RESULT, assistant("Blue, 21.5 °C."), user("Thanks.")], [WEATHER]),
    conversation("twoCalls", TWO_CALLS, [WEATHER, SUM]),
    conversation("stringCalls", STRING_CALLS, [WEATHER]),
    conversation("parts", [SYSTEM, {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": " parts"}]}]),
    conversation("image", [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]),
    conversation("developer", [{"role": "developer", "content": "Be kind."}, user("Hi")]),
    conversation("twice", [user("One"), user("Two")]),
    conversation("empty", []),
]

VARIABLES = {
    "name": "Ada",
    "count": 3,
    "ratio": 2.5,
    "big": 1e16,
    "tiny": 0.00001,
    "yes": True,
    "nothing": None,
    "words": ["pear", "Apple", "fig"],
    "numbers": [3, 1, 2, 1],
    "nested": {"items": [1, 2], "get": "shadow", "b": {"c": [10, 20]}, "a": "x"},
    "people": [
        {"name": "Bo", "age": 30, "role": "user"},
        {"name": "al", "age": 25, "role": "admin"},
        {"name": "Cy", "age": 30, "role": "user"},
    ],
    "html": "<a href='x'>\"&\"</a>",
    "text": "  The quick\nbrown  fox\t ",
    "unicode": "Straße ΟΔΟΣ é e\u0301 \u200b 🙂",
}


def fnv(data):
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def render(source, conversation, add_generation_prompt):
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            [conversation["messages"]],
            tools=conversation["tools"],
            chat_template=source,
            add_generation_prompt=add_generation_prompt,
            bos_token="<s>",
            eos_token="</s>",
            **conversation["extra"],
        )
        return rendered[0]
    except Exception as error:
        return error


def models(folder):
    table = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.jinja"))):
        with open(path, encoding="utf-8", newline="") as file:
            source = file.read()
        rows = table[os.path.basename(path)] = {}
        for conversation in CONVERSATIONS:
            for add in (False, True):
                text = render(source, conversation, add)
                name = conversation["name"] + ("+" if add else "")
                refused = isinstance(text, Exception)
                rows[name] = None if refused else f"{fnv(text.encode())} {len(text.encode())}"
    return table


def cases():
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as file:
        sources = file.read().split("\n====\n")
    results = []
    for source in sources:
        source = source.removesuffix("\n====")
        try:
            text = chat_template_utils._compile_jinja_template(source).render(**VARIABLES)
        except Exception as error:
            text = None
            print("refused:", repr(source)[:100], "--", repr(error)[:100])
        results.append({"source": source, "expected": text})
    return {"variables": VARIABLES, "cases": results}


def write(name, value, compact=False):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=None if compact else 1)
        file.write("\n")


if __name__ == "__main__":
    write("conversations.json", CONVERSATIONS, compact=True)
    write("models.json", models(sys.argv[1]))
    write("cases.json", cases())
