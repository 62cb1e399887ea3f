import ApusBase
import ApusCheckpoints
import Glibc
import Testing

/// `apus convert`: the command's side of conversion, tokenizer and template included; and saved logits.
@Suite struct ConvertTests {
    private final class Folder {
        let path: String

        init() {
            var template = Array("/tmp/apus-convert-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template))
        }

        deinit {
            for folder in ["/back/", "/"] {
                for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "a.gguf", "b.gguf", "l.safetensors"] {
                    unlink(path + folder + name)
                }
            }
            rmdir(path + "/back")
            rmdir(path)
        }
    }

    private let folder = Folder()

    @Test func convertsThereAndBack() throws {
        let gguf = folder.path + "/a.gguf", back = folder.path + "/back"
        let there = try apus("convert", chatModel, gguf, "--type", "f32", "--output", "json").json()
        #expect(there.keys == ["tensors", "bytes"])
        #expect(try there["tensors"]?.int == 20 && there["bytes"]?.int == FileReader(path: gguf).byteCount)
        let other = try apus("convert", gguf, folder.path + "/b.gguf", "--type", "f32", "--output", "json").json()
        #expect(other == there)
        #expect(try FileReader.contents(of: gguf) == FileReader.contents(of: folder.path + "/b.gguf"))
        #expect(try apus("convert", gguf, back, "--type", "f32").code == 0)
        let models = [chatModel, gguf, back]
        let answers = try models.map { model in
            try apus(
                ["generate", "--model", model, "--chat", "--prompt", "The river <|im_end|> runs", "--max-tokens", "12", "--dtype", "f32", "--output", "json"]
            ).json()
        }
        for answer in answers { #expect(answer["token_ids"] == answers[0]["token_ids"] && answer["prompt_tokens"] == answers[0]["prompt_tokens"]) }
        let texts = try models.map { try apus("tokenize", "--model", $0, "--text", "The 12 houses, isn't it?\n\n", "--output", "json").json() }
        #expect(texts[1] == texts[0] && texts[2] == texts[0])
    }

    @Test func refusesInWords() throws {
        let cases: [([String], Int32, String)] = [
            (["convert", chatModel, folder.path + "/x", "--type", "q8_0"], 1, "apus: \(folder.path)/x: a folder in Hugging Face layout cannot hold q8_0"),
            (["convert", "/nowhere", folder.path + "/x", "--type", "f32"], 1, "apus: /nowhere: does not exist"),
            (["convert", chatModel, "/nowhere/x.gguf", "--type", "f32"], 1, "apus: /nowhere/x.gguf: cannot be written"),
            (["convert", chatModel, "/nowhere/x", "--type", "f32"], 1, "apus: /nowhere/x: cannot be written"),
            (["convert", chatModel, goldens, "--type", "f32"], 1, "apus: \(goldens): holds files already"),
            (["convert", chatModel, folder.path + "/x.gguf"], 2, "--type"), (["convert", chatModel, "--type", "f32"], 2, "destination"),
            (["convert", chatModel, folder.path + "/x.gguf", "--type", "q9"], 2, "--type"),
        ]
        for (arguments, code, message) in cases {
            let result = try apus(arguments + ["--output", "json"])
            #expect(result.code == code && result.output.isEmpty && result.errors.contains(message), "\(arguments): \(result.errors)")
            #expect(!fileExists(folder.path + "/x") && !fileExists(folder.path + "/x.gguf"))
        }
    }

    @Test func savesLogits() throws {
        let ids = folder.path + "/config.json", path = folder.path + "/l.safetensors"
        let file = try AtomicFile(path: ids)
        try file.write(Array("[[5, 6, 7], [9]]".utf8))
        try file.commit()
        let score = try apus("score", "--model", chatModel, "--ids-file", ids, "--logits-out", path, "--output", "json").json()
        #expect(score.keys == ["log_likelihood", "greedy_matches"])
        let saved = try SafetensorsCheckpoint(path: path)
        #expect(saved.entries.map(\.name) == ["logits.0", "logits.1"] && saved.entries.map(\.shape) == [[3, 320], [1, 320]])
        var logits = [Float](repeating: 0, count: 960)
        try logits.withUnsafeMutableBytes { try saved.read(saved.entries[0], from: 0, into: $0) }
        var likelihood = 0.0
        for (row, target) in [6, 7].enumerated() {
            let values = logits[row * 320..<row * 320 + 320].map(Double.init)
            likelihood += values[target] - log(values.reduce(0) { $0 + exp($1) })
        }
        #expect(abs(likelihood - score["log_likelihood"]!.array![0].double!) < 1e-3)
        let failed = try apus("score", "--model", chatModel, "--ids", "1,320", "--logits-out", folder.path + "/b.safetensors")
        #expect(failed.code == 1 && !fileExists(folder.path + "/b.safetensors"))
        #expect(try apus("score", "--model", chatModel, "--ids", "1", "--logits-out", "x.bin").code == 2)
    }
}
