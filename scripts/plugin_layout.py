#!/usr/bin/env python3
# Heterodyne: writes Sources/CHeterodynePlugin/layout.c, which freezes the plugin interface field by field.
# SPDX-License-Identifier: Apache-2.0
#
# usage: scripts/plugin_layout.py            writes layout.c from the header
#        scripts/plugin_layout.py --check    says what differs, exit status 1 where anything does
#
# Every token of the header has to be understood: a declaration of a form that is not known here is an error, so that
# nothing is left out silently. Offsets and sizes are computed from the rules of LP64 and compared with what the C
# compiler says; the script writes nothing where they differ. Once a header is released, what it froze has to stay: each
# Tests/PluginFaultTests/Fixtures/release-*/layout.c must hold for the header of today.

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "Sources/CHeterodynePlugin/include/heterodyne_plugin.h"
LAYOUT = ROOT / "Sources/CHeterodynePlugin/layout.c"
RELEASES = ROOT / "Tests/PluginFaultTests/Fixtures"
PLAIN = {"heterodyne_string", "heterodyne_value", "heterodyne_named"}
NEVER_CHANGE = PLAIN | {"heterodyne_extension"}  # which other structs begin with
SCALARS = {"char": 1, "int32_t": 4, "uint32_t": 4, "int64_t": 8, "uint64_t": 8, "size_t": 8, "double": 8}
TOKEN = re.compile(r"\s*([A-Za-z_]\w*|0[xX][0-9a-fA-F]+|\d+|<<|\"[^\"]*\"|[-+*/(){}\[\];,=|&<>?:.!])")


class HeaderError(Exception):
    """Something in the header that this script cannot vouch for."""


class Header:
    """What the header declares: structs with fields and types, codes, the exported function, the version."""

    def __init__(self, text):
        self.structs = {}  # name -> [(field, type)]
        self.opaque = []
        self.enums = []  # (name or None, [(code, value)])
        self.exports = {}  # name -> (type of the result, parameters)
        self.version = None
        self.tokens = self.tokenize(self.preprocess(text))
        self.position = 0
        while self.position < len(self.tokens):
            self.declaration()
        if self.version is None:
            raise HeaderError("HETERODYNE_PLUGIN_VERSION is not defined as HETERODYNE_VERSION(major, minor)")

    def preprocess(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"//[^\n]*", " ", text)
        text = text.replace("\\\n", " ")
        lines, skipping = [], 0
        for line in text.split("\n"):
            words = line.split()
            if words[:1] == ["#ifdef"] and words[1:] == ["__cplusplus"]:
                skipping = 1
            elif words[:1] == ["#endif"] and skipping:
                skipping = 0
            elif skipping:
                if line.strip() not in ('extern "C" {', "}"):
                    raise HeaderError(f"only the linkage may differ in C++: {line.strip()}")
            elif words[:1] and words[0].startswith("#"):
                self.directive(words, line)
            else:
                lines.append(line)
        return "\n".join(lines)

    def directive(self, words, line):
        if words[0] == "#include":
            if words[1] not in ("<stddef.h>", "<stdint.h>", "<string.h>"):
                raise HeaderError(f"the header includes {words[1]}")
        elif words[0] == "#define":
            match = re.match(r"#define HETERODYNE_PLUGIN_VERSION HETERODYNE_VERSION\((\d+), (\d+)\)$", line.strip())
            if match:
                self.version = (int(match.group(1)), int(match.group(2)))
            elif not re.match(r"(HETERODYNE_PLUGIN_H$|HETERODYNE_(VERSION|HAS|TEXT)\(|HETERODYNE_EXPORT$)", words[1]):
                raise HeaderError(f"a macro that is not known here: {words[1]}")
        elif words[0] not in ("#ifndef", "#endif"):
            raise HeaderError(f"a directive that is not known here: {line.strip()}")

    @staticmethod
    def tokenize(text):
        tokens, position = [], 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            if not match:
                raise HeaderError(f"cannot read: {text[position:position + 40].strip()!r}")
            tokens.append(match.group(1))
            position = match.end()
        return tokens

    def take(self, expected=None):
        if self.position >= len(self.tokens):
            raise HeaderError("the header ends inside a declaration")
        token = self.tokens[self.position]
        if expected is not None and token != expected:
            found = " ".join(self.tokens[self.position : self.position + 8])
            raise HeaderError(f"expected {expected!r}, found {found!r}")
        self.position += 1
        return token

    def until(self, closing):
        """The tokens up to `closing` outside of all brackets, which is taken too."""
        depth, result = 0, []
        while True:
            token = self.take()
            if depth == 0 and token == closing:
                return result
            depth += (token in "([{") - (token in ")]}")
            if depth < 0:
                raise HeaderError(f"brackets do not match near {' '.join(result[-6:])}")
            result.append(token)

    def declaration(self):
        token = self.take()
        if token == "typedef":
            kind, name = self.take(), self.take()
            if kind == "struct" and self.tokens[self.position] != "{":
                self.take(name)
                self.take(";")
                self.opaque.append(name)
                return
            self.take("{")
            if kind == "struct":
                self.structs[name] = self.fields(name)
            elif kind == "enum":
                self.enums.append((name, self.codes()))
            else:
                raise HeaderError(f"typedef {kind} {name}")
            self.take(name)
            self.take(";")
        elif token == "enum":
            self.take("{")
            self.enums.append((None, self.codes()))
            self.take(";")
        elif token == "static":
            self.take("inline")
            self.until("{")
            self.position -= 1
            self.take("{")
            self.until("}")
        elif token == "HETERODYNE_EXPORT":
            tokens = self.until(";")
            opening = tokens.index("(")
            if tokens[-1] != ")":
                raise HeaderError(f"cannot read the export {' '.join(tokens)}")
            self.exports[tokens[opening - 1]] = (tokens[: opening - 1], tokens[opening:])
        else:
            raise HeaderError(f"a declaration of an unknown form: {token} {' '.join(self.tokens[self.position:][:8])}")

    def fields(self, owner):
        result = []
        while self.tokens[self.position] != "}":
            tokens = self.until(";")
            pointer = next((i for i in range(len(tokens) - 1) if tokens[i : i + 2] == ["(", "*"]), None)
            if pointer is not None:
                # A pointer to a function or to an array: its name stands in the middle.
                name = tokens[pointer + 2]
                if tokens[pointer + 3] != ")":
                    raise HeaderError(f"{owner}: cannot read {' '.join(tokens)}")
                kind = tokens[: pointer + 2] + tokens[pointer + 3 :]
            else:
                name, kind = tokens[-1], tokens[:-1]
                if any(t in "[],():" for t in kind) or not re.match(r"[a-z]\w*$", name):
                    raise HeaderError(f"{owner}: one plain field per declaration, not {' '.join(tokens)}")
            if name in (known for known, _ in result):
                raise HeaderError(f"{owner} has two fields {name}")
            result.append((name, kind))
        self.take("}")
        return result

    def codes(self):
        result = []
        while self.tokens[self.position] != "}":
            name = self.take()
            self.take("=")
            expression = []
            while self.tokens[self.position] not in (",", "}"):
                expression.append(self.take())
            if self.tokens[self.position] == ",":
                self.take(",")
            if not all(re.match(r"(0[xX][0-9a-fA-F]+|\d+|<<|\|)$", t) for t in expression):
                raise HeaderError(f"{name} has no plain value: {' '.join(expression)}")
            result.append((name, eval(" ".join(expression), {"__builtins__": {}})))
        self.take("}")
        return result

    def layout(self):
        """For each struct its size and (field, offset, size, type), from the rules of LP64."""
        sizes, result = {}, {}
        for name, fields in self.structs.items():
            offset, alignment, rows = 0, 1, []
            for field, kind in fields:
                if "*" in kind:
                    size, align = 8, 8
                else:
                    base = [t for t in kind if t not in ("const", "struct")]
                    if len(base) != 1 or (base[0] not in SCALARS and base[0] not in sizes):
                        raise HeaderError(f"{name}.{field} has the unknown type {' '.join(kind)}")
                    size, align = (SCALARS[base[0]],) * 2 if base[0] in SCALARS else sizes[base[0]]
                offset = -(-offset // align) * align
                rows.append((field, offset, size, spelled(kind)))
                offset, alignment = offset + size, max(alignment, align)
            sizes[name] = (-(-offset // alignment) * alignment, alignment)
            result[name] = (sizes[name][0], rows)
        return result

    def check_rules(self):
        """What the head of the header promises of every struct."""
        for name, fields in self.structs.items():
            if name in PLAIN:
                continue
            first = [(f, spelled(k)) for f, k in fields[:2]]
            second = ("next", "const struct heterodyne_extension *") if name == "heterodyne_extension" else (
                "extensions", "const heterodyne_extension *")
            if first != [("struct_size", "size_t"), second]:
                raise HeaderError(f"{name} must begin with struct_size and {second[0]}, not {first}")
        for name, (size, rows) in self.layout().items():
            # A field appended to padding would be covered by the struct_size of a header that does not know it.
            if rows[-1][1] + rows[-1][2] != size:
                raise HeaderError(f"{name} ends in padding; its last field must fill it")
        names = [code for _, codes in self.enums for code, _ in codes]
        if len(set(names)) != len(names):
            raise HeaderError("a code is declared twice")
        if list(self.exports) != ["heterodyne_plugin_open"]:
            raise HeaderError(f"one exported function, not {list(self.exports)}")


def spelled(tokens):
    """A type as C writes it."""
    text = ""
    for token in tokens:
        glue = not text or text[-1] in "([" or token in "),[]" or (token == "(" and text[-1] == ")")
        if text.endswith("*") and token != "const":
            glue = True
        text += token if glue else " " + token
    return text


def ask_compiler(layout, compiler):
    """What the C compiler says: {struct: (size, {field: (offset, size)})}."""
    lines = ['#include <stdio.h>', '#include "heterodyne_plugin.h"', "int main(void) {"]
    for name, (_, rows) in layout.items():
        lines.append(f'    printf("{name} %zu\\n", sizeof({name}));')
        for field, *_ in rows:
            lines.append(
                f'    printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));')
    lines.append("    return 0;\n}")
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "probe.c"), Path(folder, "probe")
        source.write_text("\n".join(lines) + "\n")
        build = [compiler, "-std=c11", "-I", str(HEADER.parent), str(source), "-o", str(program)]
        built = subprocess.run(build, capture_output=True, text=True)
        if built.returncode:
            raise HeaderError(f"{compiler} does not take the header:\n{built.stderr}")
        return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


def expected_answers(layout):
    lines = []
    for name, (size, rows) in layout.items():
        lines.append(f"{name} {size}")
        lines += [f"{name}.{field} {offset} {bytes_}" for field, offset, bytes_, _ in rows]
    return lines


def wrapped(line):
    """The call `line` in lines of at most 120 columns."""
    if len(line) <= 120:
        return line
    head, rest, out = line[: line.index("(") + 1], line[line.index("(") + 1 :], []
    current = head
    for word in rest.split(" "):
        if len(current) + 1 + len(word) > 118:
            out.append(current)
            current = "    " + word
        else:
            current += word if current.endswith("(") and current == head else " " + word
    return "\n".join(out + [current])


def render(header):
    layout = header.layout()
    major, minor = header.version
    out = [
        "// Heterodyne: freezes the plugin interface: within a major version no field moves and no code changes.",
        "// SPDX-License-Identifier: Apache-2.0",
        "//",
        "// Made by scripts/plugin_layout.py from heterodyne_plugin.h, for processors with 64-bit pointers (LP64:",
        "// x86-64, aarch64). With HETERODYNE_LATER_MINOR it asks whether a later header still has all of this.",
        "",
        '#include "heterodyne_plugin.h"',
        "",
        "#ifdef HETERODYNE_LATER_MINOR",
        "#define AT_LEAST >=",
        "#else",
        "#define AT_LEAST ==",
        "#endif",
        "",
        "#define VERSION(major, minor)                                                                            \\",
        "    _Static_assert(                                                                                      \\",
        "        HETERODYNE_PLUGIN_VERSION >> 16 == major && (HETERODYNE_PLUGIN_VERSION & 0xFFFF) AT_LEAST minor, \\",
        '        "the interface is not version " #major "." #minor)',
        "#define PLAIN(type, bytes) _Static_assert(sizeof(type) == bytes, #type \" never changes\")",
        "#define STRUCT(type, bytes) \\",
        "    _Static_assert(sizeof(type) AT_LEAST bytes, #type \" changed its size: run scripts/plugin_layout.py\")",
        "#define FIELD(type, field, offset, bytes, ...)                                            \\",
        "    _Static_assert(                                                                       \\",
        "        offsetof(type, field) == offset && sizeof(((type *)0)->field) == bytes,           \\",
        '        #type "." #field " moved");                                                       \\',
        "    _Static_assert(                                                                       \\",
        "        _Generic(((type *)0)->field, __VA_ARGS__: 1, default: 0), #type \".\" #field \" changed its type\")",
        '#define CODE(code, value) _Static_assert((code) == (value), #code " changed its value")',
        '#define COUNT(code, value) _Static_assert((code) AT_LEAST (value), #code " changed")',
        "",
        "#if UINTPTR_MAX == 0xFFFFFFFFFFFFFFFF",
        "",
        f"VERSION({major}, {minor});",
    ]
    for name, (size, rows) in layout.items():
        out += ["", f"{'PLAIN' if name in NEVER_CHANGE else 'STRUCT'}({name}, {size});"]
        for field, offset, bytes_, kind in rows:
            out.append(wrapped(f"FIELD({name}, {field}, {offset}, {bytes_}, {kind});"))
    result, parameters = header.exports["heterodyne_plugin_open"]
    signature = spelled(result + ["(", "*", ")"] + parameters)
    out += [
        "",
        "#endif",
        "",
        "_Static_assert(",
        *wrapped_generic(signature),
    ]
    for name, codes in header.enums:
        out.append("")
        for code, value in codes:
            out.append(f"{'COUNT' if code.endswith('_COUNT') else 'CODE'}({code}, {value});")
    return "\n".join(out) + "\n"


def wrapped_generic(signature):
    text = wrapped(f"    _Generic(&heterodyne_plugin_open, {signature}: 1, default: 0),")
    return [*text.replace("\n    ", "\n        ").split("\n"), '    "heterodyne_plugin_open changed its type");']


def released_layouts_hold(compiler):
    for layout in sorted(RELEASES.glob("release-*/layout.c")):
        check = [compiler, "-std=c11", "-fsyntax-only", "-DHETERODYNE_LATER_MINOR", "-I", str(HEADER.parent)]
        done = subprocess.run([*check, str(layout)], capture_output=True, text=True)
        if done.returncode:
            raise HeaderError(f"the header breaks what {layout.parent.name} promised:\n{done.stderr}")


def main():
    parser = argparse.ArgumentParser(description="Writes or checks the frozen layout of the plugin interface.")
    parser.add_argument("--check", action="store_true", help="compare with layout.c instead of writing it")
    arguments = parser.parse_args()
    compiler = os.environ.get("CC", "cc")
    try:
        header = Header(HEADER.read_text())
        header.check_rules()
        layout = header.layout()
        asked = ask_compiler(layout, compiler)
        if asked != expected_answers(layout):
            wrong = difflib.unified_diff(expected_answers(layout), asked, "computed", compiler, lineterm="", n=0)
            raise HeaderError(f"{compiler} lays structs out differently:\n" + "\n".join(wrong))
        released_layouts_hold(compiler)
        text = render(header)
    except HeaderError as error:
        sys.exit(f"plugin_layout: {error}")
    fields = sum(len(rows) for _, rows in layout.values())
    codes = sum(len(codes) for _, codes in header.enums)
    summary = f"{len(layout)} structs, {fields} fields, {codes} codes, version {header.version[0]}.{header.version[1]}"
    if arguments.check:
        there = LAYOUT.read_text() if LAYOUT.exists() else ""
        if there != text:
            sys.stdout.writelines(difflib.unified_diff(
                there.splitlines(True), text.splitlines(True), "layout.c", "the header", n=1))
            sys.exit("plugin_layout: layout.c is not what the header says; run scripts/plugin_layout.py")
    else:
        LAYOUT.write_text(text)
    print(f"plugin_layout: {summary}")


if __name__ == "__main__":
    main()
