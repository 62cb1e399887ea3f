import ApusBase
import Glibc
import Testing

/// `apus data tokenize`: the ids are those of `apus tokenize`, in Megatron-LM's files.
@Suite struct TokenizeDataTests {
    private let folder: TrainingFolder

    init() throws { folder = try TrainingFolder() }

    private func ids(_ text: String, _ options: String...) throws -> [Int] {
        try #require(try apus(["tokenize", "--model", chatModel, "--text", text, "--output", "json"] + options).json()["ids"]?.array).map { $0.int! }
    }

    /// Documents of `PREFIX.bin` and `PREFIX.idx`, read by the file format alone: 2 bytes an id.
    private func documents(_ prefix: String) throws -> [[Int]] {
        let index = try FileReader.contents(of: prefix + ".idx"), data = try FileReader.contents(of: prefix + ".bin")
        func number(_ at: Int, _ size: Int) -> Int { index[at..<at + size].reversed().reduce(0) { $0 << 8 | Int($1) } }
        #expect(Array(index[..<9]) == Array("MMIDIDX\0\0".utf8) && number(9, 8) == 1 && number(17, 1) == 8)
        let count = number(18, 8)
        #expect(number(26, 8) == count + 1 && index.count == 34 + count * 12 + (count + 1) * 8)
        return (0..<count).map { document in
            let length = number(34 + 4 * document, 4), start = number(34 + 4 * count + 8 * document, 8)
            return (0..<length).map { Int(data[start + 2 * $0]) | Int(data[start + 2 * $0 + 1]) << 8 }
        }
    }

    private func tokenize(_ files: [String], _ out: String, _ more: String...) throws -> CommandResult {
        try apus(["data", "tokenize", "--model", chatModel, "--files"] + files + ["--out", folder.path + "/" + out, "--output", "json"] + more)
    }

    @Test func textsBecomeTheirIDs() throws {
        let text = TrainingFolder.text(words: 200) + "\n\n  12 + 3 <|im_end|> é\n"
        let a = try folder.write("a.txt", text), b = try folder.write("b.jsonl", "{\"text\": \"the river\"}\n\n{\"text\": \"\"}\n{\"text\": \"a\\n\"}\n")
        let object = try tokenize([a, b], "out").json(), found = try documents(folder.path + "/out")
        // An empty text is no document.
        #expect(found == [try ids(text), try ids("the river"), try ids("a\n")])
        #expect(object.keys == ["documents", "tokens"])
        #expect(object["documents"]?.int == 3 && object["tokens"]?.int == found.reduce(0) { $0 + $1.count })
        _ = try tokenize([a, b], "eos", "--append-eos", "--threads", "1").json()
        #expect(try documents(folder.path + "/eos") == found.map { $0 + [2] })
        // The files are what a run reads.
        let run = try apus(try folder.arguments("data.train=[\(folder.path)/out]", "schedule.total_steps=5"))
        #expect(try run.json()["step"]?.int == 5)
    }

    @Test func conversationsGoThroughTheTemplate() throws {
        let messages = #"[{"role": "user", "content": "the river"}, {"role": "assistant", "content": "runs"}]"#
        let path = try folder.write("talk.jsonl", "{\"messages\": \(messages)}\n")
        _ = try tokenize([path], "talk").json()
        let found = try documents(folder.path + "/talk"), list = found[0].map(String.init).joined(separator: ",")
        let text = try #require(try apus("detokenize", "--model", chatModel, "--ids", list, "--output", "json").json()["text"]?.string)
        #expect(found.count == 1 && text.contains("the river") && text.contains("runs"))
        // The template's own tokens are tokens.
        #expect(try found[0] == ids(text, "--no-special", "--parse-special"))
    }

    @Test func failuresLeaveNothing() throws {
        let empty = try folder.write("empty.txt", ""), bad = try folder.write("bad.jsonl", "{\"text\": \"x\"}\n{\"text\": 5}\n")
        let cases: [([String], String)] = [
            ([empty], "\(empty): no tokens are in the files; give files with text"), ([bad], "\(bad), at line 2: text must be a string"),
            (["/nowhere.txt"], "/nowhere.txt: "), ([chatModel], "\(chatModel): is neither a .txt nor a .jsonl file"),
        ]
        for (files, message) in cases {
            let result = try tokenize(files, "x")
            #expect(result.code == 1 && result.output.isEmpty && result.errors.hasPrefix("apus: " + message), "\(result.errors)")
        }
        #expect(fileNames(inFolder: folder.path).filter { $0.hasPrefix("x") } == [])
        let nowhere = try apus("data", "tokenize", "--model", chatModel, "--files", folder.path + "/text.txt", "--out", "/nowhere/x")
        #expect(nowhere.code == 1 && nowhere.errors.hasPrefix("apus: /nowhere/x"))
        for arguments in [["data"], ["data", "tokenize"], ["data", "tokenize", "--model", chatModel, "--files"]] {
            #expect(try apus(arguments).code == (arguments == ["data"] ? 0 : 2))
        }
    }

    /// One text of which much is left when the signal comes.
    @Test(arguments: [SIGTERM, SIGINT]) func aSignalEndsItAtOnce(signal: Int32) throws {
        let tokenizer = String(decoding: try FileReader.contents(of: goldens + "/tokenizers/hf-albert.json"), as: UTF8.self)
        try folder.write("tokenizer.json", tokenizer)
        let text = try folder.write("long.txt", String(repeating: TrainingFolder.text(words: 4000).replacing(" ", with: ""), count: 5000))
        let command = try RunningCommand(["data", "tokenize", "--model", folder.path, "--files", text, "--out", folder.path + "/out"])
        let begun = try waitUntil { fileNames(inFolder: folder.path).contains { $0.hasPrefix("out") } }
        #expect(begun)
        try expectEndsAtOnce(command, by: signal)
        #expect(fileNames(inFolder: folder.path).filter { $0.hasPrefix("out") } == [])
    }
}
