"""Compares the goldens of ChatGLM's tokenizers, which rest on make_chatglm_tokenizers.py's plain rules, with the code that was released with the
weights.

RELEASED holds folders chatglm, chatglm2, chatglm3 and chatglm4, each with tokenization_chatglm.py of THUDM/chatglm-6b, chatglm2-6b, chatglm3-6b
and glm-4-9b; those that are missing are left out. They are not part of the project: take them from the models' own repositories or a copy. They
need transformers of their time (4.33.3).

usage: check_chatglm_tokenizers.py RELEASED [FOLDER]"""
import importlib, json, pathlib, sys

released = pathlib.Path(sys.argv[1]).resolve()
folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "tokenizers"
sys.path.insert(0, str(released))
golden = json.loads((folder / "chatglm.json").read_text())
KINDS = {
    "whole": ("chatglm", "ChatGLMTokenizer", "ice-text-whole.model", {"num_image_tokens": 0}), "second": ("chatglm2", "ChatGLMTokenizer", "sp-llama.model", {}),
    "third": ("chatglm3", "ChatGLMTokenizer", "sp-llama.model", {}), "fourth": ("chatglm4", "ChatGLM4Tokenizer", "small.tiktoken", {}),
}
for name, (package, kind, file, options) in KINDS.items():
    if not (released / package).exists():
        print(f"{name}: left out")
        continue
    tokenizer = getattr(importlib.import_module(package + ".tokenization_chatglm"), kind)(str(folder / file), **options)
    for text, plain, surrounded, decoded in golden[name]["rows"]:
        # Texts that hold special tokens' texts are split there by transformers.
        assert tokenizer.convert_tokens_to_ids(tokenizer._tokenize(text)) == plain, (name, text)
        assert tokenizer.build_inputs_with_special_tokens(list(plain)) == surrounded, (name, text)
    for texts, ids in golden[name]["chats"]:
        if hasattr(tokenizer, "build_chat_input"):
            history = [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(texts[:-1])]
            # As lists, so that no framework of tensors is needed.
            tokenizer.batch_encode_plus = lambda ids, **_: [tokenizer.build_inputs_with_special_tokens(i) for i in ids]
            found = tokenizer.build_chat_input(texts[-1], history=history)[0]
        elif hasattr(tokenizer, "build_prompt"):
            text = tokenizer.build_prompt(texts[-1], list(zip(texts[:-1:2], texts[1::2])))
            found = tokenizer.build_inputs_with_special_tokens(tokenizer.convert_tokens_to_ids(tokenizer._tokenize(text)))
        else:
            continue
        assert found == ids, (name, texts, found, ids)
    print(f"{name}: {len(golden[name]['rows'])} texts and {len(golden[name]['chats'])} conversations agree")
