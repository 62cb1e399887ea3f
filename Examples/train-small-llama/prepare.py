#!/usr/bin/env python3
"""Makes a corpus in English and Chinese out of Debian's documentation, a tokenizer for it, and tokens: the packages are fetched by apt-get and
unpacked into a folder, nothing is installed.

Pages are put into a fixed order, some are held out, and the others are cut into pieces of about 1000 characters, a window of 256 tokens, each
of which is kept once, and shuffled. train.txt and validation.txt are a document each, so that with data.shuffle false any framework can cut
the same windows out of the tokens.

Usage: prepare.py FOLDER [--apus .build/release/apus] [--vocabulary 16384] [--validation-bytes 200000]
                  [--packages linux-doc-6.1,...]      only these
                  [--model MODEL]                     its tokenizer instead of one of our own
"""
import argparse
import gzip
import hashlib
import html
import json
import pathlib
import random
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ["linux-doc-6.1", "python3.11-doc", "wordnet-base", "debian-handbook", "debian-reference-zh-cn", "libreoffice-help-en-us",
            "libreoffice-help-zh-cn", "manpages-zh"]
PIECE = 1500


def fetch(folder, names):
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not list(packages.glob(name + "_*.deb")):
            if subprocess.run(["apt-get", "download", name], cwd=packages).returncode != 0:
                sys.exit(f"prepare.py: apt-get download {name} failed (above); without a list of packages, run apt-get update as root first")
        if not (packages / name).exists():
            subprocess.run(["dpkg-deb", "-x", str(next(packages.glob(name + "_*.deb"))), str(packages / name)], check=True)
    return packages


def read(path):
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


def of_html(page):
    """The text of a page's body without what leads to other pages."""
    page = re.sub(r"(?is)<!--.*?-->|<(script|style|head|nav|header|footer|aside)\b.*?</\1>|<(p|ul) class=\"(title|docnav)\".*?</\2>", " ", page)
    page = re.sub(r"\s+", " ", page) if "<pre" not in page else "".join(
        part if part.startswith("<pre") else re.sub(r"\s+", " ", part) for part in re.split(r"(?s)(<pre\b.*?</pre>)", page))
    page = re.sub(r"(?i)<li\b[^>]*>", "\n- ", page)
    page = re.sub(r"(?i)</?(p|div|h[1-6]|ul|ol|dl|dt|pre|table|section|blockquote)\b[^>]*>", "\n\n", page)
    page = re.sub(r"(?i)<(br|tr|dd)\b[^>]*>", "\n", page)
    page = re.sub(r"(?i)</t[dh]>", " ", page)
    return html.unescape(re.sub(r"<[^>]*>", "", page)).replace("\u00a0", " ")


def of_manual(page):
    """The text of a manual page without the commands of troff."""
    lines = []
    for line in page.splitlines():
        if re.match(r"[.'](\\\"|\s*$|TH\b|so\b|ig\b|de\b|ad\b|na\b|nf\b|fi\b|if\b|ie\b|el\b|ds\b|nr\b|in\b|ta\b|hy\b|ne\b|sp\b|br\b|RS\b|RE\b|PD\b)", line):
            continue
        if re.match(r"\.(PP|LP|P|TP|IP|HP)\b", line):
            lines.append("")
        if heading := re.match(r"\.(SH|SS)\s+(.*)", line):
            lines += ["", heading[2].strip('"'), ""]
        elif words := re.match(r"\.(B|I|BR|BI|IR|RB|RI|IB|SM|IP)\s+(.*)", line):
            lines.append(words[2].replace('"', ""))
        elif not line.startswith((".", "'")):
            lines.append(line)
    return re.sub(r"\\(f.|s[-+]?\d|&|c|-)", lambda m: "-" if m[1] == "-" else "", "\n".join(lines)).replace("\\(co", "©").replace("\\e", "\\")


def of_wordnet(lines):
    """What WordNet says of words, forty sets of synonyms a page."""
    entries = []
    for line in lines:
        if line.startswith(" ") or "|" not in line:
            continue
        fields, gloss = line.split("|", 1)
        fields = fields.split()
        words = [fields[4 + 2 * i].replace("_", " ") for i in range(int(fields[3], 16))]
        entries.append(", ".join(words) + ": " + gloss.strip())
    return ["\n".join(entries[i:i + 40]) for i in range(0, len(entries), 40)]


def pages(packages):
    """Yields (package, text), nothing for a package that was not fetched."""
    share = {name: packages / name / "usr/share" for name in PACKAGES}
    kernel = share["linux-doc-6.1"] / "doc/linux-doc-6.1/Documentation"
    for path in sorted(p for p in kernel.rglob("*") if p.name.endswith((".rst.gz", ".txt.gz", ".rst", ".txt"))):
        yield "linux-doc-6.1", read(path)
    for path in sorted((share["python3.11-doc"] / "doc/python3.11/html/_sources").rglob("*.rst.txt")):
        yield "python3.11-doc", read(path)
    for path in sorted((share["wordnet-base"] / "wordnet").glob("data.*")):
        for page in of_wordnet(read(path).splitlines()):
            yield "wordnet-base", page
    for language in "en-US", "zh-CN", "zh-TW":
        for path in sorted((share["debian-handbook"] / "doc/debian-handbook/html" / language).glob("*.html")):
            yield "debian-handbook", of_html(read(path))
    for path in sorted((share["debian-reference-zh-cn"] / "debian-reference").glob("*.html")):
        yield "debian-reference-zh-cn", of_html(read(path))
    for name in "libreoffice-help-en-us", "libreoffice-help-zh-cn":
        for path in sorted((share[name] / "libreoffice/help").rglob("*.html")):
            yield name, of_html(read(path))
    for path in sorted((share["manpages-zh"] / "man").rglob("*.gz")):
        if not path.is_symlink():
            yield "manpages-zh", of_manual(read(path))


def tidy(text):
    text = re.sub(r"[ \t\r]+\n", "\n", text.replace("\r\n", "\n"))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)^ +(?=\S)", lambda m: m[0][:12], text)).strip()


def pieces(text):
    """Cuts at blank lines where there are some, at the ends of lines anyway."""
    piece, size = [], 0
    for line in text.split("\n"):
        if size > PIECE or size > PIECE / 2 and not line:
            yield "\n".join(piece).strip("\n")
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield "\n".join(piece).strip("\n")


def write_texts(folder, names, validation_bytes):
    every = [(name, tidy(text)) for name, text in pages(fetch(folder, names))]
    every = [(name, text) for name, text in every if len(text) > 100 and "\ufffd" not in text]
    order = random.Random(1)
    order.shuffle(every)
    held_out, size = [], 0
    while size < validation_bytes:
        name, text = every.pop()
        held_out.append(text[:8 * PIECE])
        size += len(held_out[-1].encode())
    seen, train, sizes = {hashlib.sha256(p.encode()).digest() for text in held_out for p in pieces(text)}, [], {}
    for name, text in every:
        for piece in pieces(text):
            key = hashlib.sha256(piece.encode()).digest()
            if len(piece) > 100 and key not in seen:
                seen.add(key)
                train.append(piece)
                sizes[name] = sizes.get(name, 0) + len(piece.encode())
    order.shuffle(train)
    (folder / "train.txt").write_text("\n\n".join(train) + "\n", encoding="utf-8")
    (folder / "validation.txt").write_text("\n\n".join(held_out) + "\n", encoding="utf-8")
    return dict(bytes=sizes, train_bytes=(folder / "train.txt").stat().st_size, validation_bytes=(folder / "validation.txt").stat().st_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--apus", default=HERE.parents[1] / ".build/release/apus")
    parser.add_argument("--vocabulary", type=int, default=16384)
    parser.add_argument("--validation-bytes", type=int, default=200_000)
    parser.add_argument("--packages", type=lambda text: text.split(","), default=PACKAGES)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()

    def apus(*words):
        done = subprocess.run([str(word) for word in (arguments.apus, *words, "--output", "json")], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    sizes = write_texts(folder, arguments.packages, arguments.validation_bytes)
    if arguments.model is None and not (folder / "tokenizer/tokenizer.json").exists():
        sizes["tokenizer"] = apus("tokenizer", "train", "--kind", "bpe", "--vocab-size", arguments.vocabulary, "--files", folder / "train.txt",
                                  "--out", folder / "tokenizer")
    for name in "train", "validation":
        sizes[name] = apus("data", "tokenize", "--model", arguments.model or folder / "tokenizer", "--files", folder / f"{name}.txt", "--out", folder / name)
    (folder / "sizes.json").write_text(json.dumps(sizes, indent=1) + "\n")
    print(json.dumps(sizes, indent=1))


main()
