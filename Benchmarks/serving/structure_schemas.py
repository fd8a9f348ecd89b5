"""JSON schemas of the sizes that APIs promise, schemas that attack, and schemas that no server can follow."""

import json


def simple(tag="a"):
    return {
        "type": "object", "required": ["name", "age", "tags"], "additionalProperties": False,
        "properties": {
            f"name": {"type": "string", "maxLength": 40}, "age": {"type": "integer"},
            "tags": {"type": "array", "items": {"enum": [f"{tag}1", "x", "y"]}, "maxItems": 3}}}


def wrapped(schema):
    return {"type": "object", "properties": {"v": schema}, "required": ["v"], "additionalProperties": False}


def constants(count, tag=""):
    return wrapped({"enum": [f"{tag}value number {n}" for n in range(count)]})


def one_of_constants(count, tag=""):
    return wrapped({"oneOf": [{"const": f"{tag}c{n}"} for n in range(count)]})


def members(count, tag="", required=0, name="member_{}"):
    names = [tag + name.format(n) for n in range(count)]
    return {
        "type": "object", "properties": {name: {"type": "string", "maxLength": 8} for name in names},
        "required": names[:required], "additionalProperties": False}


def long_names(tag=""):
    return {
        "type": "object", "additionalProperties": {"type": "integer"},
        "properties": {f"{tag}{'long ' * 48}{n}": {"type": "string"} for n in range(240)}}


def objects(count, tag=""):
    return {"anyOf": [
        {"type": "object", "required": ["text", "kind"], "additionalProperties": False,
         "properties": {"text": {"type": "string", "maxLength": 30}, "kind": {"const": f"{tag}k{n}"},
                        f"v{n}": {"type": "integer"}}}
        for n in range(count)]}


def pattern(text):
    return wrapped({"type": "string", "pattern": text})


# Schemas that have to be followed, at no more than 1.3 times the token time of the simple one.
PROMISED = {
    "enum of 511": constants(511), "enum of 1000": constants(1000),
    "600 optional members": members(600), "5000 optional members": members(5000),
    "5000 members, 3 required": members(5000, required=3), "anyOf of 200 objects": objects(200),
    "pattern of 600 alternatives": pattern("^(%s)$" % "|".join(f"word{n}" for n in range(600))),
    "^(.?){500}$": pattern("^(.?){500}$"), "(a|b|c).{14}z": pattern("(a|b|c).{14}z"),
    "oneOf of 3000 constants": one_of_constants(3000), "240 long names": long_names()}


# Each makes one schema of a number, no two alike.
ATTACKS = {
    "oneOf of 3000 constants": lambda n: one_of_constants(3000, f"{n}-"),
    "240 long names": lambda n: long_names(f"{n} "),
    "(a|b|...).{14}z": lambda n: pattern(f"(a|b|c|d|e|f|g|h|{n}).{{14}}z"),
    "(a|b|...).{400}z": lambda n: pattern(f"(a|b|c|d|e|f|g|h|{n}).{{400}}z"),
    "5000 optional members": lambda n: members(5000, f"{n}_"),
    "^(.?x?y?){400}$": lambda n: pattern(f"^({n}?.?x?y?){{400}}$"),
    "anyOf of 900 objects": lambda n: objects(900, f"{n}-"),
    "too large": lambda n: pattern(f"^((a?b?c?{n}){{1,900}}){{900}}$")}

# Each has to be a 400 before anything is sent.
IMPOSSIBLE = {
    "endless recursion": {
        "$ref": "#/$defs/n",
        "$defs": {"n": {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["a"]}}},
    "empty enum": {"type": "object", "properties": {"a": {"enum": []}}, "required": ["a"]},
    "lengths": {"type": "object", "properties": {"a": {"type": "string", "minLength": 3, "maxLength": 2}}},
    "items": {"type": "array", "minItems": 3, "maxItems": 2},
    "itself": {"anyOf": [{"$ref": "#"}]},
    "required, false": {"type": "object", "properties": {"a": False}, "required": ["a"]},
    "no character": pattern("^[^\\s\\S]$"), "too large": pattern("^(a{1000}b){9000}$"),
    "1500 objects": objects(1500)}


def text_of(schema):
    return json.dumps(schema, separators=(",", ":"))
