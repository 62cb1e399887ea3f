"""One process of PyTorch that trains a model of a shape on random tokens and prints its median step and peak memory as JSON.
usage: torch_step.py CONFIG.yaml f32|bf16 eager|compile|checkpoint STEPS THREADS"""
import json, resource, statistics, sys, time
import torch
import yaml
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def model_of(m):
    tied = m.get("tied", False)
    if m["architecture"] == "gpt2":
        config = GPT2Config(vocab_size=m["vocabulary_size"], n_embd=m["width"], n_layer=m["layers"], n_head=m["heads"],
                            n_positions=m["context_length"], resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
        kind = GPT2LMHeadModel
    else:
        config = LlamaConfig(vocab_size=m["vocabulary_size"], hidden_size=m["width"], intermediate_size=m["feed_forward_width"],
                             num_hidden_layers=m["layers"], num_attention_heads=m["heads"], num_key_value_heads=m.get("key_value_heads", m["heads"]),
                             max_position_embeddings=m["context_length"], tie_word_embeddings=tied)
        kind = LlamaForCausalLM
    config._attn_implementation = "sdpa"
    config.use_cache = False
    return kind(config)


def main():
    path, dtype, mode, steps, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keys = yaml.safe_load(open(path))
    m, batch, length = keys["model"], keys["batch"]["micro"], keys["data"]["sequence_length"]
    model = model_of(m).train()
    if mode == "checkpoint":
        model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    run = torch.compile(model) if mode == "compile" else model
    ids = torch.randint(0, m["vocabulary_size"], (batch, length + 1))

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            logits = run(ids[:, :-1]).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return float(loss)

    step(), step()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    print(json.dumps(dict(tokens_per_second=batch * length / statistics.median(seconds),
                          peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)))


if __name__ == "__main__":
    main()
