# SPDX-License-Identifier: Apache-2.0
"""Reads docs/openapi.yaml and checks documents against its schemas. Only what that file uses: see its head."""
import json
import re


class Broken(Exception):
    pass


# ---- the YAML that the file keeps to ----

def _flow(text, at):
    """A flow value from text[at:]: (value, index behind it)."""
    at = len(text) - len(text[at:].lstrip(" "))
    if text[at] in "{[":
        closing = "}" if text[at] == "{" else "]"
        mapping, items = {}, []
        at += 1
        while True:
            at = len(text) - len(text[at:].lstrip(" ,"))
            if text[at] == closing:
                return (mapping if closing == "}" else items), at + 1
            value, at = _flow(text, at)
            if closing == "]":
                items.append(value)
                continue
            if text[at:at + 2] != ": ":
                raise Broken(f"expected ': ' in {text!r}")
            mapping[value], at = _flow(text, at + 2)
    if text[at] == '"':
        value, end = json.JSONDecoder().raw_decode(text, at)
        return value, end
    end = at
    while end < len(text) and text[end] not in ",]}" and text[end:end + 2] != ": ":
        end += 1
    return _plain(text[at:end].strip()), end


def _plain(text):
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text


def _scalar(text):
    if text[:1] in "{[\"":
        value, end = _flow(text, 0)
        if text[end:].strip():
            raise Broken(f"something stands behind the value in {text!r}")
        return value
    return _plain(text)


def _split(text):
    """Key and rest of a line of a mapping."""
    match = re.match(r'("[^"]*"|[^\s:"]+):(?: +(.*))?$', text)
    if not match:
        raise Broken(f"no mapping: {text!r}")
    return match[1].strip('"'), match[2]


def _block(lines, at, indent):
    """The block that begins at lines[at], all of it indented by `indent`: (value, index behind it)."""
    is_list = lines[at][1].startswith("- ")
    value = [] if is_list else {}
    while at < len(lines) and lines[at][0] == indent:
        text = lines[at][1]
        if is_list:
            if not text.startswith("- "):
                raise Broken(f"no list item: {text!r}")
            rest = text[2:]
            if rest[0] in "{[\"" or not re.match(r"[^\s:]+:( |$)", rest):
                value.append(_scalar(rest))
                at += 1
                continue
            lines[at] = (indent + 2, rest)
            item, at = _block(lines, at, indent + 2)
            value.append(item)
            continue
        key, rest = _split(text)
        if key in value:
            raise Broken(f"{key!r} is repeated")
        at += 1
        if rest is not None:
            value[key] = _scalar(rest)
        else:
            if at == len(lines) or lines[at][0] <= indent:
                raise Broken(f"{key!r} has no value")
            value[key], at = _block(lines, at, lines[at][0])
    if at < len(lines) and lines[at][0] > indent:
        raise Broken(f"odd indentation: {lines[at][1]!r}")
    return value, at


def load(path):
    with open(path, encoding="utf-8") as text:
        rows = [line.rstrip("\n") for line in text]
    lines = [(len(row) - len(row.lstrip(" ")), row.strip()) for row in rows
             if row.strip() and not row.strip().startswith("#")]
    value, end = _block(lines, 0, 0)
    if end != len(lines):
        raise Broken(f"odd indentation: {lines[end][1]!r}")
    return value


# ---- schemas ----

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def resolve(document, node):
    while "$ref" in node:
        found = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def _check_object(document, schema, value, where):
    problems = [f"{where}: {name!r} is missing" for name in schema.get("required", []) if name not in value]
    more = schema.get("additionalProperties", True)
    for name, member in value.items():
        if name in schema.get("properties", {}):
            problems += check(document, schema["properties"][name], member, f"{where}.{name}")
        elif more is False:
            problems.append(f"{where}: {name!r} is not documented")
        elif more is not True:
            problems += check(document, more, member, f"{where}.{name}")
    return problems


def check(document, schema, value, where="body"):
    """What is wrong with the value, as a list of texts."""
    schema = resolve(document, schema)
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: expected {kind}, got {value!r}"]
    problems = []
    if "enum" in schema and value not in schema["enum"]:
        problems.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        problems.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if kind == "string" and len(value) < schema.get("minLength", 0):
        problems.append(f"{where}: too short")
    if kind == "array":
        for index, item in enumerate(value):
            problems += check(document, schema["items"], item, f"{where}[{index}]")
    if kind == "object":
        problems += _check_object(document, schema, value, where)
    return problems
