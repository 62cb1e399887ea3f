"""Tiny random encoder-decoders with the logits that transformers computes in f32 and its greedy answers; a tokenizer beside one of them; and
in `training` the same shapes with smaller weights, in which rounding grows less, for gradients (make_gradients.py).
usage: make_t5.py OUT_FOLDER"""
import json, pathlib, sys
import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from transformers.models.t5.modeling_t5 import T5Attention

out = pathlib.Path(sys.argv[1])
small = dict(vocab_size=97, d_model=32, d_kv=12, d_ff=40, num_layers=2, num_heads=3, decoder_start_token_id=0)
# Name: class, keys, whether the head is the embedding, lengths of texts and answers.
cases = {
    "t5-small": ("T5", dict(small), True, ((40, 9), (7, 30), (1, 2))),
    "t5-flan": ("T5", dict(small, d_kv=8, num_layers=1, num_decoder_layers=3, feed_forward_proj="gated-gelu", tie_word_embeddings=False), False,
                ((33, 20), (70, 5))),
    "t5-few-buckets": ("T5", dict(small, relative_attention_num_buckets=8, relative_attention_max_distance=20), True, ((150, 140), (20, 21))),
    "mt5-small": ("MT5", dict(small, decoder_start_token_id=5, num_heads=2), False, ((200, 150), (9, 9))),
}
for seed, (name, (family, keys, is_tied, lengths)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**keys)
    config.tie_word_embeddings = is_tied  # transformers 5.23 says true of all
    config._attn_implementation = "eager"
    model = getattr(transformers, family + "ForConditionalGeneration")(config).eval().float()
    for key, parameter in model.named_parameters():
        is_bias = "relative_attention_bias" in key
        # Scores are not scaled: queries are small, as T5 makes them.
        spread = 1.0 if is_bias else 0.25 if "shared" in key else 0.15 if ".q." in key else 0.4 if parameter.dim() > 1 else 0.1
        parameter.data = torch.randn_like(parameter) * spread + (1.0 if parameter.dim() == 1 else 0.0)
    # One embedding serves all; transformers 5.23 parts it where the head is apart.
    model.encoder.embed_tokens.weight = model.decoder.embed_tokens.weight = model.shared.weight
    folder = out / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    logits, cases_ = {}, []
    for index, (length, answer) in enumerate(lengths):
        text = torch.randint(2, 97, (1, length))
        decoder = torch.cat([torch.tensor([[config.decoder_start_token_id]]), torch.randint(2, 97, (1, answer - 1))], 1)
        with torch.no_grad():
            logits[f"logits.{index}"] = model(input_ids=text, decoder_input_ids=decoder).logits[0].contiguous()
            greedy = [config.decoder_start_token_id]
            for _ in range(12):
                step = model(input_ids=text, decoder_input_ids=torch.tensor([greedy])).logits[0, -1]
                greedy.append(step.argmax().item())
        cases_.append(dict(text=text[0].tolist(), answer=decoder[0].tolist(), greedy=greedy[1:]))
    save_file(logits, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps(cases_))

for seed, (name, (family, keys, is_tied, lengths)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**keys)
    config.tie_word_embeddings = is_tied
    model = getattr(transformers, family + "ForConditionalGeneration")(config).eval().float()
    for key, parameter in model.named_parameters():
        spread = 0.5 if "relative_attention_bias" in key else 0.05 if ".q." in key else 0.15 if parameter.dim() > 1 else 0.1
        parameter.data = torch.randn_like(parameter) * spread + (1.0 if parameter.dim() == 1 else 0.0)
    model.encoder.embed_tokens.weight = model.decoder.embed_tokens.weight = model.shared.weight
    folder = out / "training" / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "ids.json").write_text(json.dumps([
        dict(text=torch.randint(2, 97, (length,)).tolist(), answer=[config.decoder_start_token_id] + torch.randint(2, 97, (answer - 1,)).tolist())
        for length, answer in lengths if answer > 2]))

# Letters and a few pairs, and the end behind every text.
folder = out / "t5-small"
pieces = ["▁"] + [chr(97 + i) for i in range(26)] + [f"▁{chr(97 + i)}" for i in range(26)] + [
    a + b for a in "tnrscm" for b in "aehio"] + ["an", "in", "er", "on", "at", "en", "nd", "al", "or", "ed", "it"]
vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(piece, -2.0 - 0.1 * i) for i, piece in enumerate(pieces)]
assert len(vocabulary) == 97
tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(vocabulary, unk_id=2))
tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
tokenizer.decoder = tokenizers.decoders.Metaspace()
tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
tokenizer.save(str(folder / "tokenizer.json"))
(folder / "tokenizer_config.json").write_text(json.dumps(dict(eos_token="</s>", pad_token="<pad>", unk_token="<unk>")))
model = transformers.T5ForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval().float()
prompts = []
for text in ["the hen ran on", "a", ""]:
    ids = tokenizer.encode(text).ids
    answer = [0]
    with torch.no_grad():
        for _ in range(10):
            scores = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([answer])).logits[0, -1]
            answer.append(scores.argmax().item())
            if answer[-1] == 1:
                break
    prompts.append(dict(prompt=text, ids=ids, answer=answer[1:], text=tokenizer.decode(answer[1:])))
(folder / "prompts.json").write_text(json.dumps(prompts))

# Buckets of distances from -300 to 300.
buckets = {}
for count, distance, both in [(32, 128, True), (32, 128, False), (8, 20, True), (8, 20, False), (64, 256, True), (5, 7, True), (4, 1000, False)]:
    row = T5Attention._relative_position_bucket(torch.arange(-300, 301), both, count, distance)
    buckets[f"{count},{distance},{'both' if both else 'before'}"] = row.tolist()
(out / "buckets.json").write_text(json.dumps(buckets))
