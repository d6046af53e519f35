"""Edits of an XML document at known places of its bytes: what is not edited stays byte for byte what it was.

`Document.find("recordTarget/patientRole/id[2]")` names elements from the `ClinicalDocument` down, by local name:
`a/b` is a child, `a//b` any descendant, `[2]` a position, `[@root='x']` an attribute; `*` any name.
"""

import re
import xml.parsers.expat


class Element:
    """One element of the source: where its start tag and its whole extent lie."""

    __slots__ = ("name", "attributes", "start", "opened", "end", "parent", "children")

    def __init__(self, name, attributes, start, opened, parent):
        self.name, self.attributes, self.start, self.opened, self.parent = name, attributes, start, opened, parent
        self.end, self.children = None, []

    def descendants(self):
        for child in self.children:
            yield child
            yield from child.descendants()


class Document:
    def __init__(self, source):
        self.source, self.edits = source, []
        self.root, stack = None, []
        parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")

        def start(name, attributes):
            at = parser.CurrentByteIndex
            local = {key.rsplit(" ", 1)[-1]: value for key, value in attributes.items()}
            element = Element(name.rsplit(" ", 1)[-1], local, at, _tag_end(source, at), stack[-1] if stack else None)
            if stack:
                stack[-1].children.append(element)
            else:
                self.root = element
            stack.append(element)

        def end(_name):
            element = stack.pop()
            empty = source[element.opened - 2:element.opened] == b"/>"
            element.end = element.opened if empty else source.index(b">", parser.CurrentByteIndex) + 1

        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.Parse(source, True)
        self.clinical = next(one for one in [self.root, *self.root.descendants()] if one.name == "ClinicalDocument")

    def all(self, path):
        """Every element at a path; an empty path is the ClinicalDocument itself."""
        here = [self.clinical]
        for separator, step in re.findall(r"(//|/|^)((?:[^/\[]|\[[^\]]*\])+)", path):
            name, tests = re.match(r"[^\[]+", step).group(), re.findall(r"\[([^\]]*)\]", step)
            following = []
            for element in here:
                pool = element.descendants() if separator == "//" else element.children
                matched = [one for one in pool if name in ("*", one.name)]
                for test in tests:
                    if test.isdigit():
                        matched = matched[int(test) - 1:int(test)]
                    else:
                        key, value = re.fullmatch(r"@([\w:]+)(?:='([^']*)')?", test).groups()
                        matched = [one for one in matched if key in one.attributes and value in (None, one.attributes[key])]
                following += [one for one in matched if separator != "//" or one not in following]
            here = following
        return here

    def find(self, path):
        found = self.all(path)
        if not found:
            raise LookupError(f"nothing at {path}")
        return found[0]

    # Edits: each takes a path (the first element there) or an element.

    def _element(self, where):
        return where if isinstance(where, Element) else self.find(where)

    def _edit(self, start, end, text):
        self.edits.append((start, end, text.encode()))
        return self

    def delete(self, where):
        element = self._element(where)
        return self._edit(element.start, element.end, "")

    def replace(self, where, text):
        element = self._element(where)
        return self._edit(element.start, element.end, text)

    def text(self, where, text):
        """Replaces the whole content."""
        element = self._element(where)
        tag = self.source[element.start:element.opened].decode()
        name = re.match(r"<([^\s/>]+)", tag).group(1)
        return self._edit(element.start, element.end, f"{tag.removesuffix('/>').removesuffix('>')}>{text}</{name}>")

    def duplicate(self, where):
        element = self._element(where)
        return self._edit(element.end, element.end, self.source[element.start:element.end].decode())

    def before(self, where, text):
        return self._edit(self._element(where).start, self._element(where).start, text)

    def after(self, where, text):
        return self._edit(self._element(where).end, self._element(where).end, text)

    def first(self, where, text):
        """Inserts as first content of an element that has content."""
        element = self._element(where)
        return self._edit(element.opened, element.opened, text)

    def set(self, where, name, value):
        """Sets an attribute (`value` is written as given: escaped, or deliberately not)."""
        element = self._element(where)
        tag = self.source[element.start:element.opened].decode()
        pattern = re.compile(r"(\s" + re.escape(name) + r"\s*=\s*)(\"[^\"]*\"|'[^']*')")
        if pattern.search(tag):
            return self._edit(element.start, element.opened, pattern.sub(lambda match: f'{match.group(1)}"{value}"', tag, count=1))
        at = element.start + len(re.match(r"<[^\s/>]+", tag).group().encode())
        return self._edit(at, at, f' {name}="{value}"')

    def drop(self, where, name):
        element = self._element(where)
        tag = self.source[element.start:element.opened].decode()
        changed = re.sub(r"\s" + re.escape(name) + r"\s*=\s*(\"[^\"]*\"|'[^']*')", "", tag, count=1)
        if changed == tag:
            raise LookupError(f"no attribute {name} on {element.name}")
        return self._edit(element.start, element.opened, changed)

    def rename(self, where, name):
        element = self._element(where)
        content = self.source[element.start:element.end].decode()
        written = re.match(r"<([^\s/>]+)", content).group(1)
        content = f"<{name}" + content[len(written) + 1:]
        if content.endswith(f"</{written}>"):
            content = content.removesuffix(f"</{written}>") + f"</{name}>"
        return self._edit(element.start, element.end, content)

    def result(self):
        """The edited bytes; edits that overlap are refused."""
        out, at = [], 0
        for start, end, text in sorted(self.edits, key=lambda one: (one[0], one[1])):
            if start < at:
                raise ValueError("edits overlap")
            out += [self.source[at:start], text]
            at = end
        return b"".join([*out, self.source[at:]])


def _tag_end(source, start):
    """Index just after the `>` of the tag that begins at `start`."""
    quote, at = 0, start
    while True:
        byte = source[at]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == 0x3E:
            return at + 1
        at += 1
