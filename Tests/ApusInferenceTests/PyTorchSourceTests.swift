import ApusBase
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

    @Test func refusesModelsInParallelParts() throws {
        let weights = try FileReader.contents(of: goldens + "meta/consolidated.00.pth"), params = try FileReader.contents(of: goldens + "meta/params.json")
        try inFolder([("params.json", params), ("consolidated.00.pth", weights), ("consolidated.01.pth", weights)]) { folder in
            let error = #expect(throws: InputError.self) { try ModelSource(path: folder) }
            #expect("\(error!)".contains("in 2 parallel parts"))
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
