import ApusBase
import ApusModels
import ApusTensor
import Glibc
import Testing

/// What loading refuses although the files are sound.
@Suite struct ModelLoaderTests {
    @Test(arguments: [Float(70000), -1e30])
    func refusesWeightsBeyondTheTypeAskedFor(value: Float) throws {
        var template = Array("/tmp/apus-loader-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["config.json", "model.safetensors"] { unlink(folder + "/" + name) }
            rmdir(folder)
        }
        let source = GoldenLogitsTests.folder + "llama/llama-mha/"
        var weights = try FileReader.contents(of: source + "model.safetensors")
        // The last element of the last matrix, before the 48 of the last norm.
        withUnsafeBytes(of: value.bitPattern) { weights.replaceSubrange(weights.count - 49 * 4..<weights.count - 48 * 4, with: $0) }
        for (name, bytes) in [("config.json", try FileReader.contents(of: source + "config.json")), ("model.safetensors", weights)] {
            let file = try AtomicFile(path: folder + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        let backend = try #require(CPUBackend(threads: 2))
        _ = try Decoder.load(ModelSource(path: folder), on: backend, dtype: .bf16)
        let error = #expect(throws: InputError.self) { try Decoder.load(ModelSource(path: folder), on: backend, dtype: .f16) }
        let text = "\(error!)"
        #expect(text.hasPrefix(folder + "/model.safetensors, at tensor ") && text.contains("holds \(value), which f16 cannot hold"), "\(text)")
    }
}
