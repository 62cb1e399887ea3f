"""Whether llama.cpp computes the logits of the golden models from the GGUF files that `apus convert` makes of them.
usage: check_llama_cpp.py APUS LLAMA_CPP_PYTHON LIBRARIES [NAME …]
LLAMA_CPP_PYTHON: the unpacked source package llama-cpp-python, for its ctypes declarations; LIBRARIES: the folder of libllama.so.
llama.cpp takes GELU from a table of f16, with tanh alone: models with GELU come within 1e-3 (mT5, whose
gates multiply what is rounded, within 6e-3), the others within 2e-6. It sees past the
windows of Mistral, Phi-3 and StarCoder2, so that mistral-window, phi3-window and starcoder2-window differ. Of encoders the states are
compared; a tied T5's logits, which llama.cpp does not divide by the root of the width, are divided here. It loads no T5 whose decoder has
more layers than its encoder, such as t5-flan."""
import ctypes, json, os, pathlib, subprocess, sys, tempfile, types
import numpy as np
from safetensors.numpy import load_file

apus, package, libraries = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
os.environ["LLAMA_CPP_LIB_PATH"] = libraries
# The package's __init__ needs more than the declarations do.
stub = types.ModuleType("llama_cpp")
stub.__path__ = [str(package / "llama_cpp")]
sys.modules["llama_cpp"] = stub
import llama_cpp.llama_cpp as llama

quiet = llama.llama_log_callback(lambda level, text, data: None)
llama.llama_log_set(quiet, ctypes.c_void_p())
llama.llama_backend_init()


def batch_of(ids):
    batch = llama.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
        batch.seq_id[i][0] = 0
    return batch


def outputs(path, ids, encoded=None, is_encoder=False):
    """Logits, after an encoder has read `encoded`, or the states of an encoder without a decoder."""
    parameters = llama.llama_model_default_params()
    override = (llama.llama_model_kv_override * 2)()
    override[0].tag, override[0].key = llama.LLAMA_KV_OVERRIDE_TYPE_STR, b"tokenizer.ggml.model"
    override[0].value.val_str = b"no_vocab"
    parameters.kv_overrides = override
    parameters.use_mmap = False
    model = llama.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        return None
    settings = llama.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_ubatch = 512, 512, 512
    settings.type_k = settings.type_v = llama.GGML_TYPE_F32
    settings.flash_attn_type = 0
    settings.n_threads = settings.n_threads_batch = 2
    settings.embeddings, settings.pooling_type = is_encoder, 0
    context = llama.llama_init_from_model(model, settings)
    for encode, part in [(True, encoded), (is_encoder, ids)]:
        if part is not None:
            batch = batch_of(part)
            assert (llama.llama_encode if encode else llama.llama_decode)(context, batch) == 0
            llama.llama_batch_free(batch)
    size = llama.llama_model_n_embd(model) if is_encoder else llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    row = llama.llama_get_embeddings_ith if is_encoder else llama.llama_get_logits_ith
    rows = [np.ctypeslib.as_array(row(context, i), (size,)).copy() for i in range(len(ids))]
    llama.llama_free(context)
    llama.llama_model_free(model)
    return np.stack(rows)


goldens = pathlib.Path(__file__).parent
folders = sorted(folder for part in ("llama", "families", "encoders", "t5") for folder in (goldens / part).iterdir()
                 if (folder / "ids.json").exists())
for folder in folders:
    if sys.argv[4:] and folder.name not in sys.argv[4:]:
        continue
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "a.gguf"
        done = subprocess.run([apus, "convert", str(folder), str(path), "--type", "f32"], capture_output=True, text=True)
        if done.returncode:
            print(f"{folder.name:24} not written: {done.stderr.strip().splitlines()[-1].split(': ', 2)[-1]}")
            continue
        ids, expected = json.loads((folder / "ids.json").read_text())[0], load_file(folder / "expected.safetensors")
        if folder.parent.name == "t5":
            config = json.loads((folder / "config.json").read_text())
            wanted, actual = expected["logits.0"], outputs(path, ids["answer"], ids["text"])
            if config["tie_word_embeddings"] and actual is not None:
                actual /= np.sqrt(config["d_model"])
        elif folder.parent.name == "encoders":
            wanted, actual = expected["states.0"], outputs(path, ids, is_encoder=True)
        else:
            wanted, actual = expected["logits.0"], outputs(path, ids)
        if actual is None:
            print(f"{folder.name:24} NOT LOADED by llama.cpp")
        else:
            print(f"{folder.name:24} {np.abs(wanted - actual).max() / (wanted.max() - wanted.min()):.1e} of the range")
