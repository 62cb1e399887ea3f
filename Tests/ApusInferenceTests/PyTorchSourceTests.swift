import ApusBase
import ApusCheckpoints
import ApusModels
import Glibc
import Testing

/// What is told of folders with PyTorch's files, and what of them is refused.
@Suite struct PyTorchSourceTests {
    private let goldens = GoldenLogitsTests.folder + "pytorch/"

    private func inFolder(_ files: [(name: String, bytes: [UInt8])], _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/apus-pytorch-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for file in files { unlink(folder + "/" + file.name) }
            rmdir(folder)
        }
        for (name, bytes) in files {
            let file = try AtomicFile(path: folder + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        try body(folder)
    }

    @Test func tellsOfBuffersThatHoldNoWeights() throws {
        let path = goldens + "single"
        #expect(
            try ModelSource(path: path).notes == ["\(path)/pytorch_model.bin: the tensor model.position_ids of i64 holds no weights and was ignored"])
    }

    private func part(_ rank: Int) throws -> [UInt8] { try FileReader.contents(of: goldens + "meta-parts-2/consolidated.0\(rank).pth") }

    @Test func refusesPartsThatDoNotBelongTogether() throws {
        let params = try FileReader.contents(of: goldens + "meta/params.json"), whole = try FileReader.contents(of: goldens + "meta/consolidated.00.pth")
        let checkpoint = try PyTorchCheckpoint(path: goldens + "meta-parts-2/consolidated.01.pth"), norm = try #require(checkpoint.entry("norm.weight"))
        var weights = [UInt8](repeating: 0, count: norm.byteCount)
        try weights.withUnsafeMutableBytes { try checkpoint.read(norm, from: 0, into: $0) }
        var changed = try part(1)
        changed[try #require(changed.firstRange(of: weights)).lowerBound] ^= 1
        let cases: [(parts: [(rank: Int, bytes: [UInt8])], words: [String])] = [
            ([(0, try part(0)), (2, try part(1))], ["consolidated.02.pth", "consolidated.01.pth is missing"]),
            ([(1, try part(1))], ["consolidated.00.pth is missing"]),
            ([(0, whole), (1, whole)], ["wq", "the shape is [32, 16]"]),
            ([(0, try part(0)), (1, whole)], ["consolidated.01.pth", "parts are alike"]),
            ([(0, try part(0)), (1, changed)], ["consolidated.01.pth", "norm.weight", "differs"]),
            ([(0, try part(0))], ["has 8 of 16 rows: 1 of 2 parts of the model are here"]),
        ]
        for (parts, words) in cases {
            try inFolder([("params.json", params)] + parts.map { ("consolidated.0\($0.rank).pth", $0.bytes) }) { folder in
                let error = #expect(throws: InputError.self) { try ModelSource(path: folder) }
                for word in words { #expect("\(error!)".contains(word), "\(error!)") }
            }
        }
    }

    @Test(arguments: [
        ("\"dim\": 16", "\"dim\": 18", "dim"), ("\"vocab_size\": -1", "\"vocab_size\": 33", "vocab_size"),
        ("\"max_seq_len\": 64", "\"use_scaled_rope\": true", "use_scaled_rope"), ("\"max_seq_len\": 64", "\"moe\": {}", "moe"),
        ("\"ffn_dim_multiplier\": 0.5", "\"ffn_dim_multiplier\": 0.7", "feed_forward"),
    ])
    func refusesParametersThatDoNotFit(old: String, new: String, words: String) throws {
        let weights = try FileReader.contents(of: goldens + "meta/consolidated.00.pth")
        let params = String(decoding: try FileReader.contents(of: goldens + "meta/params.json"), as: UTF8.self)
        try inFolder([("params.json", Array(params.replacing(old, with: new).utf8)), ("consolidated.00.pth", weights)]) { folder in
            let error = #expect(throws: InputError.self) { try ModelSource(path: folder) }
            #expect("\(error!)".contains(words), "\(error!)")
        }
    }
}
