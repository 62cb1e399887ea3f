import ApusBase
import ApusTensor
import Testing

@testable import ApusCheckpoints

/// Files of torch.save against the same tensors as safetensors (Tests/Goldens/make_pytorch.py).
@Suite struct PyTorchTests {
    private let goldens = parentFolder(parentFolder(#filePath)) + "/Goldens/pytorch/"

    private func bytes(_ entry: TensorEntry, of checkpoint: any Checkpoint, from start: Int = 0) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: entry.byteCount - start)
        try bytes.withUnsafeMutableBytes { try checkpoint.read(entry, from: start, into: $0) }
        return bytes
    }

    @Test(arguments: ["views", "module", "unchecked"]) func readsWhatTorchSaveWrites(name: String) throws {
        let file = try PyTorchCheckpoint(path: goldens + name + ".bin")
        let expected = try SafetensorsCheckpoint(path: goldens + name + ".safetensors")
        #expect(Set(file.entries.map(\.name)) == Set(expected.entries.map(\.name) + (name == "views" ? ["bool"] : [])))
        for wanted in expected.entries {
            let entry = try #require(file.entry(wanted.name))
            #expect(entry.dtype == wanted.dtype && entry.shape == wanted.shape, "\(wanted.name)")
            #expect(try bytes(entry, of: file) == bytes(wanted, of: expected), "\(wanted.name)")
        }
    }

    @Test func readsPartsOfViews() throws {
        let file = try PyTorchCheckpoint(path: goldens + "views.bin")
        for name in ["transposed", "column", "steps", "cube", "rows"] {
            let entry = try #require(file.entry(name)), whole = try bytes(entry, of: file)
            for start in stride(from: 0, to: whole.count, by: 4) { #expect(try bytes(entry, of: file, from: start) == Array(whole[start...])) }
        }
        let truths = try #require(file.entry("bool"))
        #expect(truths.dtype == .u8 && truths.byteCount == 6)
    }

    @Test(arguments: ["meta-parts-2", "meta-parts-3"]) func joinsParts(name: String) throws {
        let whole = try PyTorchCheckpoint(path: goldens + "meta/consolidated.00.pth")
        let parts = try (0..<2).map { try PyTorchCheckpoint(path: goldens + "\(name)/consolidated.0\($0).pth") }
        let joined = try ModelParallelCheckpoint(path: goldens + name, parts: parts) { tensor, shape in
            switch tensor.split(separator: ".").dropLast().last {
            case "wo", "w2": .columns
            case "tok_embeddings": shape[1] == 16 ? .rows : .columns
            default: .rows
            }
        }
        for wanted in whole.entries {
            let entry = try #require(joined.entry(wanted.name)), expected = try bytes(wanted, of: whole)
            #expect(entry.dtype == wanted.dtype && entry.shape == wanted.shape, "\(wanted.name)")
            for start in stride(from: 0, to: expected.count, by: 36) {
                #expect(try bytes(entry, of: joined, from: start) == Array(expected[start...]), "\(wanted.name) from \(start)")
            }
        }
        #expect(joined.entries.count == whole.entries.count)
    }

    @Test func knowsTheChecksumOfZipFiles() {
        #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    }
}
