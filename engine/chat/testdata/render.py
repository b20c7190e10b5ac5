#!/usr/bin/env python3
"""Renders templates/*.jinja as transformers does, into rendered.json.

    python3 render.py        (needs jinja2)

rendered.json has, for each template and conversation, the prompt, or null where the template
raises an exception.
"""
import datetime
import glob
import json
import os

from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.exceptions import TemplateError

HERE = os.path.dirname(os.path.abspath(__file__))
BOS, EOS = "<s>", "</s>"
SYSTEM = ("system", " Answer with one word.\n")
CONVERSATIONS = {
    "user": [("user", "What is the capital of France?")],
    "system": [SYSTEM, ("user", "Is the sun hot?")],
    "turns": [("user", "Hi, I am Ida."), ("assistant", "Hello Ida!"), ("user", "What is my name?")],
    "system and turns": [SYSTEM, ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
    "spaces": [("user", "\n  x y \t"), ("assistant", " z\n\n"), ("user", " \n")],
    "empty": [("user", ""), ("assistant", ""), ("user", "")],
    "reasoning": [("user", "1+1?"), ("assistant", "<think>\nNow </think> what\n</think>\n\n2"), ("user", "2+2?")],
    "markup": [("user", "{{ 1 + 1 }} {% if %} {# x #} 'a' \"b\" \\n é 🦙 <b> &amp;")],
    "two of the user's": [("user", "a"), ("user", "b")],
}


def raise_exception(message):
    raise TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception


def render(source, messages):
    variables = dict(bos_token=BOS, eos_token=EOS, add_generation_prompt=True, tools=None, documents=None)
    if "strftime_now is " not in source:
        # transformers always has the clock's date; keyfold only if the template has no other
        variables["strftime_now"] = datetime.datetime(2026, 11, 30).strftime
    try:
        return env.from_string(source).render(messages=messages, **variables)
    except TemplateError:
        return None


# Templates in which only white space differs: tags of every kind behind and before it.
SPACES = [
    f"a{space}{{{{{left} 'b' {right.strip('+')}}}}}{space}{{%{left} if true {right}%}}{{{{ 'c' }}}}{space}{{#{left} x {right}#}}{space}{{% endif %}}{space}d{space}"
    for space in ("", " ", "\n", " \n\t", "\n\n ", "\r\n")
    for left in ("", "-", "+")
    for right in ("", "-", "+")
    if left != "+" or right != "+"
] + [
    "  {% if true %}\n  a\n  {% endif %}\n\n", "{%- raw -%} {{ b }} {% c %}\n {%- endraw %}\nd", "{{ {'a': {'b': '}}'}}.a.b }}", "{{ '%}' }}{{ \"#}\" }}", "{ {{ '{' }} }",
    "{% set z %}\n a\n{% endset %}{{ z }}", "{{ 'it\\'s' }} {{ '\\\\' }}", "{# {{ #}a", "",
]
out = {"conversations": {}, "rendered": {}, "spaces": {source: render(source, []) for source in SPACES}}
for name, turns in CONVERSATIONS.items():
    out["conversations"][name] = [dict(role=r, content=c) for r, c in turns]
for path in sorted(glob.glob(os.path.join(HERE, "templates", "*.jinja"))):
    with open(path, encoding="utf-8", newline="") as f:
        source = f.read()
    out["rendered"][os.path.basename(path)[: -len(".jinja")]] = {
        name: render(source, messages) for name, messages in out["conversations"].items()
    }
with open(os.path.join(HERE, "rendered.json"), "w", encoding="utf-8") as f:
    json.dump(out, f, ensure_ascii=False, indent=1)
    f.write("\n")
