import ApusBase
import Glibc
import Testing

/// `apus embed`, and the files of sentence-transformers that it goes by.
@Suite struct EmbedTests {
    private let model = goldens + "/encoders/bert-small"

    @Test func embedsTextsAndLines() throws {
        let object = try apus("embed", "--model", model, "--output", "json", "--text", "The fat cat.", "cats", "--text=-a", "--text", "").json()
        #expect(object.keys == ["embeddings"])
        let vectors = try #require(object["embeddings"]?.array)
        #expect(vectors.count == 4 && vectors.allSatisfy { $0.array!.count == 48 })
        let length = vectors[0].array!.reduce(0) { $0 + $1.double! * $1.double! }
        #expect(abs(length - 1) < 1e-5)
        try inFolder { folder in
            try write(Array("The fat cat.\r\ncats\n-a\n\n".utf8), folder + "/texts")
            #expect(try apus("embed", "--model", model, "--file", folder + "/texts", "--output", "json").json() == object)
            try write([], folder + "/texts")
            #expect(try apus("embed", "--model", model, "--file", folder + "/texts").errors == "apus: \(folder)/texts: holds no text\n")
        }
        let lines = try apus("embed", "--model", model, "--text", "cats", "The fat cat.").output.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].split(separator: " ").map { Double($0)! } == vectors[1].array!.map { $0.double! })
    }

    @Test func tellsWhatIsLeftOut() throws {
        let result = try apus("embed", "--model", model, "--text", String(repeating: "cat ", count: 40), "cat")
        #expect(result.code == 0 && result.errors == "1 of 2 texts have too many tokens, and their ends were left out\n")
    }

    @Test func usageAndFailures() throws {
        for arguments in [[], ["--text"], ["--text", "a", "--file", "b"]] {
            let result = try apus(["embed", "--model", model] + arguments)
            #expect(result.code == 2 && result.output.isEmpty)
        }
        let decoder = try apus("embed", "--model", chatModel, "--text", "a")
        #expect(decoder.code == 1 && decoder.errors.contains("llama is a decoder"))
        for verb in [["generate", "--prompt", "a"], ["score", "--ids", "1"]] {
            let result = try apus(verb + ["--model", model])
            #expect(result.code == 1 && result.errors.contains("bert is an encoder: it gives vectors and predicts no text; use `apus embed`"))
        }
    }

    @Test func measuresHowFastItEncodes() throws {
        let arguments = ["bench", "--model", model, "--prompt-tokens", "9", "--batch", "1,3", "--repetitions", "1"]
        let results = try #require(try apus(arguments + ["--output", "json"]).json()["results"]?.array)
        #expect(results.map { $0["batch"] } == [.integer(1), .integer(3)])
        #expect(results.allSatisfy { $0["prompt_tokens_per_second"]!.double! > 0 && $0["tokens_per_second"] == .number(0) })
        #expect(try apus(arguments).output.hasPrefix("batch 1: encoding 9 "))
        let decoding = try apus(arguments + ["--generate-tokens", "1"])
        #expect(decoding.code == 1 && decoding.errors.contains("bert is an encoder: it gives vectors and decodes no tokens"))
        let long = try apus("bench", "--model", model)
        #expect(long.code == 1 && long.errors.contains("512"))
    }

    @Test func inspectTellsTheStructure() throws {
        let object = try apus("inspect", "--model", model, "--output", "json").json()
        #expect(object["structure"] == .string("encoder") && object["tokenizer"] == .string("WordPiece"))
        #expect(object["layer_groups"]?.array?[0]["attention"]?["mask"] == .string("full"))
        #expect(object["sentence_embedding"]?["pooling"] == .string("mean") && object["sentence_embedding"]?["max_tokens"] == .integer(12))
        // (97 + 64 + 2) · 48 and a norm of two vectors; two layers of 4 · 48 · 49 + 2 · 48 · 72 + 72 + 48 + 4 · 48.
        #expect(object["parameters"] == .integer(163 * 48 + 96 + 2 * (4 * 48 * 49 + 2 * 48 * 72 + 72 + 48 + 4 * 48)))
    }

    /// A switch that is not built here is an error, for embed and inspect alike.
    @Test func refusesRecipesThatItCannotFollow() throws {
        let changes: [(String, String, String, String)] = [
            ("modules.json", "models.Normalize", "models.Dense", "at module 2: \"Dense\" is not supported here"),
            ("modules.json", "\"path\": \"1_Pooling\"", "\"path\": \"../1_Pooling\"", "at module 1: the path \"../1_Pooling\" is not supported"),
            ("modules.json", "[", "{", ""),
            ("1_Pooling/config.json", "\"pooling_mode_max_tokens\": false", "\"pooling_mode_max_tokens\": true", "at pooling_mode_max_tokens: is not"),
            ("1_Pooling/config.json", "\"pooling_mode_cls_token\": false", "\"pooling_mode_cls_token\": true", "names 2 ways to pool"),
            ("1_Pooling/config.json", "\"include_prompt\": true", "\"include_prompt\": false", "at include_prompt: false is not supported"),
            ("1_Pooling/config.json", ": 48", ": 47", "at word_embedding_dimension: 47 is not the model's width, 48"),
            ("sentence_bert_config.json", ": false", ": true", "at do_lower_case: true is not supported"),
            ("sentence_bert_config.json", ": 12", ": -12", "at max_seq_length: -12 is no whole number"),
        ]
        let files = [
            "config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json",
        ]
        try inFolder { folder in
            mkdir(folder + "/1_Pooling", 0o755)
            for (file, old, new, message) in changes {
                for name in files { try write(FileReader.contents(of: model + "/" + name), folder + "/" + name) }
                let text = String(decoding: try FileReader.contents(of: folder + "/" + file), as: UTF8.self)
                try #require(text.contains(old))
                try write(Array(text.replacing(old, with: new).utf8), folder + "/" + file)
                let embed = try apus("embed", "--model", folder, "--text", "a"), inspect = try apus("inspect", "--model", folder)
                #expect(embed.code == 1 && embed.output.isEmpty && embed.errors.contains(folder + "/" + file) && embed.errors.contains(message), "\(embed)")
                #expect(inspect.code == 1 && inspect.errors == embed.errors)
            }
        }
    }

    private func inFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/apus-embed-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["1_Pooling/config.json"] + fileNames(inFolder: folder) { unlink(folder + "/" + name) }
            for path in [folder + "/1_Pooling", folder] { rmdir(path) }
        }
        try body(folder)
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }
}
