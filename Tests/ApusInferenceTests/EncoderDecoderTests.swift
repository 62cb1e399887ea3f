import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import ApusModels
import ApusTensor
import Glibc
import Testing

@testable import ApusInference

/// T5 and its kin in f32 against transformers (Tests/Goldens/make_t5.py).
@Suite struct EncoderDecoderTests {
    static let folder = GoldenLogitsTests.folder + "t5/"
    static let names = ["t5-small", "t5-flan", "t5-few-buckets", "mt5-small"]

    private struct Case {
        let text: [Int32]
        let answer: [Int32]
        let greedy: [Int32]
    }

    private func cases(_ name: String) throws -> [Case] {
        try #require(try JSON(contentsOf: Self.folder + name + "/ids.json").array).map { json in
            func ids(_ key: String) -> [Int32] { json[key]!.array!.map { Int32($0.int!) } }
            return Case(text: ids("text"), answer: ids("answer"), greedy: ids("greedy"))
        }
    }

    private func expected(_ name: String, _ index: Int) throws -> [Float] {
        let file = try SafetensorsCheckpoint(path: Self.folder + name + "/expected.safetensors"), entry = try #require(file.entry("logits.\(index)"))
        var values = [Float](repeating: 0, count: entry.elementCount)
        try values.withUnsafeMutableBytes { try file.read(entry, from: 0, into: $0) }
        return values
    }

    private func stream(_ model: Decoder, _ text: [Int32], positions: Int, workspace: Workspace? = nil) throws -> TokenStream {
        try TokenStream(
            model, positions: positions, cacheType: .f32, memory: EncoderMemory(model, encoding: text, cacheType: .f32),
            workspace: workspace ?? Workspace(model.backend))
    }

    private func logits(_ model: Decoder, _ example: Case) throws -> [[Float]] {
        var all: [[Float]] = []
        try stream(model, example.text, positions: example.answer.count).appendAll(example.answer) { _, rows in
            for row in 0..<rows.count { all.append(Array(rows[row])) }
        }
        return all
    }

    @Test(arguments: names, InstructionSet.allCases.filter(\.isSupported))
    func agreesWithTransformers(name: String, set: InstructionSet) throws {
        let backend = try #require(CPUBackend(threads: 2, instructionSet: set))
        let model = try Decoder.load(ModelSource(path: Self.folder + name), on: backend)
        for (index, example) in try cases(name).enumerated() {
            let wanted = try expected(name, index), actual = try logits(model, example).flatMap { $0 }
            let range = wanted.max()! - wanted.min()!, error = zip(wanted, actual).map { abs($0 - $1) }.max()!
            #expect(actual.count == wanted.count && error <= 1e-4 * range, "\(name), \(index): \(error) of \(range)")
        }
    }

    /// A prompt and then tokens one at a time give the bits of one pass; so does a batch whose texts and answers differ in length.
    @Test(arguments: names) func stepsAndBatchesDoNotChangeLogits(name: String) throws {
        let backend = try #require(CPUBackend(threads: 2)), model = try Decoder.load(ModelSource(path: Self.folder + name), on: backend)
        let examples = try cases(name), whole = try examples.map { try logits(model, $0) }, workspace = Workspace(backend)
        var streams: [TokenStream] = []
        for (example, wanted) in zip(examples, whole) {
            let stream = try stream(model, example.text, positions: example.answer.count, workspace: workspace), half = example.answer.count / 2
            #expect(Array(try stream.append(example.answer[..<half])) == wanted[half - 1])
            streams.append(stream)
        }
        while true {
            let active = streams.indices.filter { streams[$0].ids.count < examples[$0].answer.count }
            guard !active.isEmpty else { break }
            let places = active.map { streams[$0].ids.count }
            let rows = try TokenStream.step(active.map { streams[$0] }, zip(active, places).map { examples[$0].answer[$1] }, workspace: workspace)
            for (row, (index, place)) in zip(active, places).enumerated() { #expect(Array(rows[row]) == whole[index][place], "\(name), \(index), \(place)") }
        }
    }

    @Test(arguments: names) func answersGreedilyAsTransformersDoes(name: String) throws {
        let backend = try #require(CPUBackend(threads: 2)), model = try Decoder.load(ModelSource(path: Self.folder + name), on: backend)
        let start = Int32(try #require(model.description.encoder).startToken)
        for example in try cases(name) {
            let stream = try stream(model, example.text, positions: 20)
            var next = start, answer: [Int32] = []
            while answer.count < example.greedy.count {
                next = Int32(backend.argmax(try stream.append([next])))
                answer.append(next)
            }
            #expect(answer == example.greedy)
        }
    }

    /// The encoder alone serves embeddings.
    @Test func encodesAlone() throws {
        let backend = try #require(CPUBackend(threads: 2)), source = try ModelSource(path: Self.folder + "t5-small")
        let encoder = try Encoder.load(source, on: backend), whole = try #require(try Decoder.load(source, on: backend).encoder)
        let texts: [[Int32]] = [Array(3..<60), [7]]
        let rows = try [encoder, whole].map { encoder in
            let rows = try encoder.encode(texts, cacheType: .f32, workspace: Workspace(backend))
            return (0..<rows.count).map { Array(rows[$0]) }
        }
        #expect(rows[0] == rows[1] && rows[0].count == 58)
    }

    @Test(arguments: names) func conversionKeepsLogits(name: String) throws {
        var template = Array("/tmp/apus-t5-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template)), copy = folder + "/copy", back = folder + "/back", gguf = folder + "/a.gguf"
        let backend = try #require(CPUBackend(threads: 2))
        defer {
            for path in [copy, back] {
                for name in fileNames(inFolder: path) { unlink(path + "/" + name) }
                rmdir(path)
            }
            unlink(gguf)
            rmdir(folder)
        }
        let source = try ModelSource(path: Self.folder + name)
        var conversion = try ModelConversion(source, to: copy, type: .f32)
        _ = try conversion.run(on: backend)
        let converted = try ModelSource(path: copy)
        #expect(converted.description == source.description && converted.notes.isEmpty)
        let models = try [source, converted].map { try Decoder.load($0, on: backend) }
        for example in try cases(name) { #expect(try logits(models[0], example) == logits(models[1], example)) }
        // llama.cpp has one greatest distance, 128.
        if name == "t5-few-buckets" {
            let error = #expect(throws: InputError.self) { try ModelConversion(source, to: gguf, type: .f32) }
            #expect(error?.rule == "GGUF files of t5 cannot say its encoder, its positions")
            return
        }
        conversion = try ModelConversion(source, to: gguf, type: .f32)
        _ = try conversion.run(on: backend)
        conversion = try ModelConversion(ModelSource(path: gguf), to: back, type: .f32)
        _ = try conversion.run(on: backend)
        for path in [gguf, back] {
            let model = try Decoder.load(ModelSource(path: path), on: backend)
            for example in try cases(name) { #expect(try logits(models[0], example) == logits(model, example)) }
        }
        #expect(try ModelSource(path: back).notes.isEmpty)
        if name == "t5-small" {
            for text in ["a", "ab cd  ef ", ""] {
                let ids = try source.tokenizer().encode(text)
                for path in [gguf, back] { #expect(try ModelSource.tokenizer(path: path).encode(text) == ids) }
            }
        }
    }

    @Test func bucketsAreTransformers() throws {
        let golden = try #require(try JSON(contentsOf: Self.folder + "buckets.json").object)
        #expect(golden.keys.count == 7)
        for (key, buckets) in golden.members {
            let parts = key.split(separator: ",")
            let relative = RelativePosition(buckets: Int(parts[0])!, maxDistance: Int(parts[1])!, isBidirectional: parts[2] == "both")
            #expect((-300...300).map { relative.bucket(of: $0) } == buckets.array!.map { $0.int! }, "\(key)")
        }
    }

    @Test func refusesInWords() throws {
        let backend = try #require(CPUBackend(threads: 1)), model = try Decoder.load(ModelSource(path: Self.folder + "t5-small"), on: backend)
        let bare = #expect(throws: InputError.self) { try TokenStream(model, positions: 9, cacheType: .f32) }
        #expect("\(bare!)".hasPrefix("the model: t5 answers a text that its encoder reads, and there is none here; use `apus generate`"))
        for (ids, message) in [([] as [Int32], "the text: is empty"), ([97], "97 is not from 0 to 96")] {
            let error = #expect(throws: InputError.self) { try EncoderMemory(model, encoding: ids, cacheType: .f32) }
            #expect("\(error!)".contains(message))
        }
        let llama = try Decoder.load(ModelSource(path: GoldenLogitsTests.folder + "llama/llama-mha"), on: backend)
        let error = #expect(throws: InputError.self) { try EncoderMemory(llama, encoding: [5], cacheType: .f32) }
        #expect("\(error!)".contains("llama has no encoder"))
    }
}
