"""Lengths of T5's span corruption by the arithmetic of its paper's code, written anew, and what transformers' collator for masked language
modelling does on average.    usage: make_objectives.py OUT_FILE"""
import json, sys
import torch
import transformers


def noise(length, density, mean):
    tokens = min(max(round(length * density), 1), length - 1)
    return tokens, max(round(tokens / mean), 1)


def lengths(text, density, mean):
    tokens = round(text * density)
    spans = round(tokens / mean)
    return text - tokens + spans + 1, tokens + spans + 1


def longest(inputs, density, mean):
    text = inputs
    while lengths(text + 1, density, mean)[0] <= inputs:
        text += 1
    if density == 0.5 and lengths(text, density, mean)[1] > inputs:
        text -= 1
    return text


windows = []
for density, mean in ((0.15, 3.0), (0.15, 8.0), (0.5, 3.0), (0.5, 8.0), (0.15, 64.0), (0.25, 2.5)):
    for inputs in (16, 64, 100, 256, 512, 1024, 2048):
        text = longest(inputs, density, mean)
        if round(text * density / mean) == 0:
            continue  # the mask has one span at least, which these lengths forget
        windows.append([density, mean, inputs, text, *lengths(text, density, mean)])
noises = [[density, mean, length, *noise(length, density, mean)]
          for density, mean in ((0.15, 3.0), (0.5, 8.0), (0.25, 2.5)) for length in (2, 3, 5, 10, 30, 50, 70, 90, 110, 568, 2000)]


class Plain:
    mask_token, mask_token_id, pad_token, padding_side = "[MASK]", 4, "[PAD]", "right"

    def __len__(self):
        return 30000

    def convert_tokens_to_ids(self, token):
        return self.mask_token_id

    def get_special_tokens_mask(self, ids, already_has_special_tokens):
        return [int(i < 5) for i in ids]


torch.manual_seed(0)
ids = torch.randint(0, 30000, (400, 2048))
collator = transformers.DataCollatorForLanguageModeling.__new__(transformers.DataCollatorForLanguageModeling)
collator.tokenizer, collator.mlm, collator.mlm_probability, collator.seed, collator.generator = Plain(), True, 0.15, None, None
collator.mask_replace_prob, collator.random_replace_prob, collator.whole_word_mask = 0.8, 0.1, False
inputs, labels = collator.torch_mask_tokens(ids.clone())
chosen = labels != -100
text = ids >= 5
shares = [chosen.sum() / text.sum(), (inputs[chosen] == 4).float().mean(), (inputs[chosen] == ids[chosen]).float().mean()]
assert not (chosen & ~text).any() and (inputs[~chosen] == ids[~chosen]).all()
json.dump(dict(windows=windows, noises=noises, masked=[round(float(s), 4) for s in shares]), open(sys.argv[1], "w"), separators=(",", ":"))
open(sys.argv[1], "a").write("\n")
