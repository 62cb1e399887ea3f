"""A tiny random model that can chat: LLaMA weights, byte-level BPE, a chat template; and what transformers' beam search makes of it.
usage: make_chat.py OUT_FOLDER"""
import json, pathlib, sys
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
text = """The quick brown fox jumps over the lazy dog. How are you today? The answer is in the house, and the house is on the hill.
system user assistant What is the name of the river that runs through the town and over the stones to the sea?"""
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=320, special_tokens=specials, initial_alphabet=alphabet, show_progress=False))
tokenizer.save(str(out / "tokenizer.json"))
template = """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
(out / "tokenizer_config.json").write_text(json.dumps(dict(
    tokenizer_class="PreTrainedTokenizerFast", bos_token="<|im_start|>", eos_token="<|im_end|>", chat_template=template), indent=2))

torch.manual_seed(7)
config = LlamaConfig(
    vocab_size=320, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
model = LlamaForCausalLM(config).eval().float()
for key, parameter in model.named_parameters():
    parameter.data = torch.randn_like(parameter) * (0.2 if parameter.dim() > 1 else 0.1) + (1.0 if "norm" in key else 0.0)
# Surer choices, and some answers end by themselves.
model.model.embed_tokens.weight.data *= 2
model.model.embed_tokens.weight.data[2] *= 2.6
model.tie_weights()
model.save_pretrained(out)
(out / "generation_config.json").unlink()

cases = []
for prompt in ("The quick brown", "How are you", "the river", "a"):
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    for beams, length in ((2, 12), (4, 12), (3, 40)):
        result = model.generate(
            torch.tensor([ids]), num_beams=beams, num_return_sequences=beams, do_sample=False, max_new_tokens=length, eos_token_id=[0, 2],
            pad_token_id=0, return_dict_in_generate=True, output_scores=True)
        choices = []
        for row, score in zip(result.sequences.tolist(), result.sequences_scores.tolist()):
            new = row[len(ids):]
            end = next((i for i, token in enumerate(new) if token in (0, 2)), len(new))
            choices.append(dict(token_ids=new[:end], score=score, finish_reason="stop" if end < len(new) else "length"))
        cases.append(dict(prompt=prompt, ids=ids, beams=beams, max_tokens=length, choices=choices))
(out / "beams.json").write_text(json.dumps(cases, indent=1))
