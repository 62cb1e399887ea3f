"""Prints what llama.cpp makes of Gemma 3 270M, as Tests/Goldens/gemma.json holds it: the ids of some texts and the perplexity of the
first chunks of a text.   usage: make_gemma.py LLAMA_CPP MODEL.gguf TEXT >gemma.json
LLAMA_CPP: the folder of llama-tokenize and llama-perplexity; MODEL from scripts/fetch-gemma.sh, TEXT (perplexity.txt) from
scripts/fetch-test-data.sh."""
import json, pathlib, re, subprocess, sys

programs, model, text = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
CONTEXT, CHUNKS = 512, 14
texts = [
    "The capital of France is", "  two  spaces,\tand a tab\n\n\nthree newlines", "def f(x):\n    return x ** 2  # 3.14159, 1000000\n",
    "如何准备数据分析师面试？ 你好，世界", "naïve café – “quotes” … ½ ﬁ Å Å", "👩‍👩‍👧‍👦 🇫🇷 \U0001F468\U0001F3FD", "<start_of_turn>user\nHi<end_of_turn>",
    "Größe, мир, שלום, नमस्ते, こんにちは, 안녕하세요", "\u0000\u0001\u007f\ufeff\ue000", pathlib.Path(text).read_text()[:3000],
]


def output(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, **options)


def ids(text):
    path = pathlib.Path("/tmp/make_gemma.txt")
    path.write_bytes(text.encode())
    return json.loads(output(programs / "llama-tokenize", "-m", model, "-f", path, "--ids", "--no-escape", "--log-disable").stdout)


def perplexity():
    done = output(programs / "llama-perplexity", "-m", model, "-f", text, "-c", CONTEXT, "--chunks", CHUNKS)
    return float(re.search(r"Final estimate: PPL = ([0-9.]+)", (done.stdout + done.stderr).decode())[1])


json.dump({"texts": [{"text": text, "ids": ids(text)} for text in texts], "context": CONTEXT, "chunks": CHUNKS, "perplexity": perplexity()},
          sys.stdout, indent=None)
print()
