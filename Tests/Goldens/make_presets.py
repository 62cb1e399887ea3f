"""Parameters of the published models as transformers counts them on the meta device, from their configurations; of ChatGLM and GLM-130B,
of which it has no code, by the shapes that the released code makes.    usage: make_presets.py OUT_FILE"""
import json, sys
import torch
import transformers

models = {}


def add(name, kind, cls=None, options={}, **keys):
    config = getattr(transformers, kind + "Config")(**keys)
    with torch.device("meta"):
        model = getattr(transformers, cls or kind + "ForCausalLM")(config, **options)
        model.tie_weights()
    models[name] = dict(parameters=sum(p.numel() for p in model.parameters()), model_type=config.model_type, config=keys)


def llama(name, c, f, layers, heads, kv=None, kind="Llama", **keys):
    add(name, kind, hidden_size=c, intermediate_size=f, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv or heads, **keys)


one = dict(vocab_size=32000, max_position_embeddings=2048, rms_norm_eps=1e-6, tie_word_embeddings=False)
two = dict(one, max_position_embeddings=4096, rms_norm_eps=1e-5)
three = dict(two, vocab_size=128256, max_position_embeddings=8192, rope_theta=500000.0)


def scaled(factor):
    return dict(three, max_position_embeddings=131072, rope_scaling=dict(
        rope_type="llama3", factor=factor, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192))


llama("llama-15m", 288, 768, 6, 6, **dict(one, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=True))
for name, *shape in (("7b", 4096, 11008, 32, 32), ("13b", 5120, 13824, 40, 40), ("33b", 6656, 17920, 60, 52), ("65b", 8192, 22016, 80, 64)):
    llama("llama-" + name, *shape, **one)
for name, *shape in (("7b", 4096, 11008, 32, 32), ("13b", 5120, 13824, 40, 40), ("70b", 8192, 28672, 80, 64, 8)):
    llama("llama-2-" + name, *shape, **two)
big = (("8b", 4096, 14336, 32, 32, 8), ("70b", 8192, 28672, 80, 64, 8))
for name, *shape in big:
    llama("llama-3-" + name, *shape, **three)
for name, *shape in big + (("405b", 16384, 53248, 126, 128, 8),):
    llama("llama-3.1-" + name, *shape, **scaled(8.0))
for name, *shape in (("1b", 2048, 8192, 16, 32, 8), ("3b", 3072, 8192, 28, 24, 8)):
    llama("llama-3.2-" + name, *shape, **dict(scaled(32.0), tie_word_embeddings=True))
llama("mistral-7b", 4096, 14336, 32, 32, 8, "Mistral", **dict(two, max_position_embeddings=32768, sliding_window=4096))
smol = dict(vocab_size=49152, max_position_embeddings=8192, rms_norm_eps=1e-5, tie_word_embeddings=True)
for name, base, *shape in (("135m", 100000.0, 576, 1536, 30, 9, 3), ("360m", 100000.0, 960, 2560, 32, 15, 5), ("1.7b", 130000.0, 2048, 8192, 24, 32)):
    llama("smollm2-" + name, *shape, rope_theta=base, **smol)
llama("phi-3-mini", 3072, 8192, 32, 32, kind="Phi3", vocab_size=32064, max_position_embeddings=4096, rms_norm_eps=1e-5, sliding_window=2047,
      tie_word_embeddings=False, pad_token_id=32000)

qwen = dict(kind="Qwen2", max_position_embeddings=32768, rms_norm_eps=1e-6, rope_theta=1000000.0, use_sliding_window=False)
small, large = dict(qwen, vocab_size=151936, tie_word_embeddings=True), dict(qwen, vocab_size=152064, tie_word_embeddings=False)
for family in ("qwen2-", "qwen2.5-"):
    llama(family + "0.5b", 896, 4864, 24, 14, 2, **small)
    llama(family + "1.5b", 1536, 8960, 28, 12, 2, **small)
    llama(family + "7b", 3584, 18944, 28, 28, 4, **large)
    llama(family + "72b", 8192, 29568, 80, 64, 8, **large)
llama("qwen2.5-3b", 2048, 11008, 36, 16, 2, **small)
llama("qwen2.5-14b", 5120, 13824, 48, 40, 8, **large)
llama("qwen2.5-32b", 5120, 27648, 64, 40, 8, **large)
for name, tied, *shape in (
        ("0.6b", True, 1024, 3072, 28, 16), ("1.7b", True, 2048, 6144, 28, 16), ("4b", True, 2560, 9728, 36, 32), ("8b", False, 4096, 12288, 36, 32),
        ("14b", False, 5120, 17408, 40, 40), ("32b", False, 5120, 25600, 64, 64)):
    llama("qwen3-" + name, *shape, 8, "Qwen3", head_dim=128, vocab_size=151936, max_position_embeddings=40960, rms_norm_eps=1e-6,
          rope_theta=1000000.0, tie_word_embeddings=tied, use_sliding_window=False)

gemma = dict(vocab_size=256000, head_dim=256)
llama("gemma-2b", 2048, 16384, 18, 8, 1, "Gemma", **gemma)
llama("gemma-7b", 3072, 24576, 28, 16, 16, "Gemma", **gemma)
gemma2 = dict(kind="Gemma2", sliding_window=4096, query_pre_attn_scalar=256, **gemma)
llama("gemma-2-2b", 2304, 9216, 26, 8, 4, **gemma2)
llama("gemma-2-9b", 3584, 14336, 42, 16, 8, **gemma2)
llama("gemma-2-27b", 4608, 36864, 46, 32, 16, **dict(gemma2, head_dim=128, query_pre_attn_scalar=144))
for name, *shape in (("270m", 640, 2048, 18, 4, 1), ("1b", 1152, 6912, 26, 4, 1)):
    llama("gemma-3-" + name, *shape, "Gemma3Text", cls="Gemma3ForCausalLM", vocab_size=262144, head_dim=256, max_position_embeddings=32768,
          sliding_window=512, query_pre_attn_scalar=256)

for name, c, layers, heads in (("gpt2-124m", 768, 12, 12), ("gpt2-355m", 1024, 24, 16), ("gpt2-774m", 1280, 36, 20), ("gpt2-1.5b", 1600, 48, 25)):
    add(name, "GPT2", "GPT2LMHeadModel", n_embd=c, n_layer=layers, n_head=heads, n_positions=1024, vocab_size=50257)
add("gpt-3-175b", "GPT2", "GPT2LMHeadModel", n_embd=12288, n_layer=96, n_head=96, n_positions=2048, vocab_size=50257)
add("gpt-j-6b", "GPTJ", n_embd=4096, n_layer=28, n_head=16, n_positions=2048, vocab_size=50400, rotary_dim=64, tie_word_embeddings=False)
for name, v, c, layers, heads in (
        ("gpt-neox-20b", 50432, 6144, 44, 64), ("pythia-70m", 50304, 512, 6, 8), ("pythia-160m", 50304, 768, 12, 12),
        ("pythia-410m", 50304, 1024, 24, 16), ("pythia-1b", 50304, 2048, 16, 8), ("pythia-1.4b", 50304, 2048, 24, 16),
        ("pythia-2.8b", 50304, 2560, 32, 32), ("pythia-6.9b", 50432, 4096, 32, 32), ("pythia-12b", 50688, 5120, 36, 40)):
    add(name, "GPTNeoX", vocab_size=v, hidden_size=c, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * c,
        max_position_embeddings=2048)
add("falcon-rw-1b", "Falcon", vocab_size=50304, hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, alibi=True, multi_query=False,
    parallel_attn=False, bias=True)
add("falcon-7b", "Falcon", vocab_size=65024, hidden_size=4544, num_hidden_layers=32, num_attention_heads=71, bias=False)
for name, c, layers, heads in (("40b", 8192, 60, 128), ("180b", 14848, 80, 232)):
    add("falcon-" + name, "Falcon", vocab_size=65024, hidden_size=c, num_hidden_layers=layers, num_attention_heads=heads, bias=False,
        new_decoder_architecture=True, num_kv_heads=8, tie_word_embeddings=False)
for name, c, layers, heads in (("560m", 1024, 24, 16), ("1b1", 1536, 24, 16), ("1b7", 2048, 24, 16), ("3b", 2560, 30, 32), ("7b1", 4096, 30, 32),
                               ("176b", 14336, 70, 112)):
    add("bloom-" + name, "Bloom", vocab_size=250880, hidden_size=c, n_layer=layers, n_head=heads)
for name, c, layers, heads in (("125m", 768, 12, 12), ("350m", 1024, 24, 16), ("1.3b", 2048, 24, 32), ("2.7b", 2560, 32, 32), ("6.7b", 4096, 32, 32),
                               ("13b", 5120, 40, 40), ("30b", 7168, 48, 56), ("66b", 9216, 64, 72), ("175b", 12288, 96, 96)):
    middle = dict(word_embed_proj_dim=512, do_layer_norm_before=False) if name == "350m" else dict(word_embed_proj_dim=c)
    add("opt-" + name, "OPT", vocab_size=50272, hidden_size=c, ffn_dim=4 * c, num_hidden_layers=layers, num_attention_heads=heads,
        max_position_embeddings=2048, **middle)

add("glm-4-9b", "Glm", vocab_size=151552, hidden_size=4096, intermediate_size=13696, num_hidden_layers=40, num_attention_heads=32,
    num_key_value_heads=2, max_position_embeddings=131072, attention_bias=True, tie_word_embeddings=False)
for name, c, f, layers, heads in (("564m", 1024, 4096, 24, 16), ("1.7b", 2048, 8192, 24, 16), ("2.9b", 2048, 8192, 48, 16),
                                  ("4.5b", 2048, 16384, 48, 16), ("7.5b", 4096, 16384, 32, 32)):
    add("xglm-" + name, "XGLM", vocab_size=256008, d_model=c, ffn_dim=f, num_layers=layers, attention_heads=heads)
for name, c, layers, heads, kv, base, tied in (("3b", 3072, 30, 24, 2, 999999.4420358813, True), ("7b", 4608, 32, 36, 4, 1000000.0, True),
                                               ("15b", 6144, 40, 48, 4, 100000.0, False)):
    llama("starcoder2-" + name, c, 4 * c, layers, heads, kv, "Starcoder2", vocab_size=49152, max_position_embeddings=16384, sliding_window=4096,
          rope_theta=base, tie_word_embeddings=tied)


def t5(name, kind, c, f, layers, heads, **keys):
    add(name, kind, kind + "ForConditionalGeneration", d_model=c, d_ff=f, num_layers=layers, num_heads=heads, **keys)
    # transformers 5 ties all heads; the published files hold those of their own.
    if not keys.get("tie_word_embeddings", True):
        models[name]["parameters"] += keys["vocab_size"] * c


for name, *shape, head in (("small", 512, 2048, 6, 8, 64), ("base", 768, 3072, 12, 12, 64), ("large", 1024, 4096, 24, 16, 64),
                           ("3b", 1024, 16384, 24, 32, 128), ("11b", 1024, 65536, 24, 128, 128)):
    t5("t5-" + name, "T5", *shape, vocab_size=32128, d_kv=head)
for name, *shape in (("small", 512, 1024, 8, 6), ("base", 768, 2048, 12, 12), ("large", 1024, 2816, 24, 16), ("xl", 2048, 5120, 24, 32),
                     ("xxl", 4096, 10240, 24, 64)):
    later = dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    t5("flan-t5-" + name, "T5", *shape, vocab_size=32128, **later)
    t5("mt5-" + name, "MT5", *shape, vocab_size=250112, **later)


def bert(name, kind, c, layers, heads, **keys):
    add(name, kind, kind + "Model", dict(add_pooling_layer=False), hidden_size=c, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * c, **keys)


bert("minilm-l6-v2", "Bert", 384, 6, 12, vocab_size=30522)
for name, *shape in (("base", 768, 12, 12), ("large", 1024, 24, 16)):
    bert("bert-" + name, "Bert", *shape, vocab_size=30522)
    later = dict(max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
    bert("roberta-" + name, "Roberta", *shape, vocab_size=50265, **later)
    bert("xlm-roberta-" + name, "XLMRoberta", *shape, vocab_size=250002, **later)


def linear(outputs, inputs):
    return outputs * inputs + outputs


c = 4096
models["chatglm-6b"] = dict(parameters=130528 * c + 28 * (
    linear(3 * c, c) + linear(c, c) + linear(16384, c) + linear(c, 16384) + 4 * c) + 2 * c)
for name in ("chatglm2-6b", "chatglm3-6b"):
    models[name] = dict(parameters=2 * 65024 * c + 28 * (linear(c + 512, c) + c * c + 3 * 13696 * c + 2 * c) + c)
c = 12288
models["glm-130b"] = dict(parameters=150528 * c + 70 * (
    linear(3 * c, c) + linear(c, c) + linear(2 * 32768, c) + linear(c, 32768) + 4 * c) + 2 * c)
json.dump(models, open(sys.argv[1], "w"), indent=0)
