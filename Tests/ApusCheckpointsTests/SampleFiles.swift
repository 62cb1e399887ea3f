import ApusBase
import ApusTensor

@testable import ApusCheckpoints

/// Small valid files to break.
enum SampleFiles {
    static func safetensors(in folder: TemporaryFolder) throws -> [UInt8] {
        let plans = [TensorPlan("w", .f32, shape: [2, 3])!, TensorPlan("h", .f16, shape: [4])!, TensorPlan("i", .i64, shape: [1])!]
        let path = folder.path + "/sample.safetensors"
        try fill(SafetensorsWriter(path: path, tensors: plans, metadata: [("format", "pt")]))
        return try FileReader.contents(of: path)
    }

    static func gguf(in folder: TemporaryFolder) throws -> [UInt8] {
        let path = folder.path + "/sample.gguf"
        var metadata = GGUFMetadata(path: path)
        metadata.set("general.architecture", .string("llama"))
        metadata.set("llama.block_count", .integer(2))
        metadata.set("llama.rope.freq_base", .number(10000))
        metadata.set("tokenizer.ggml.add_bos_token", .bool(true))
        metadata.set("tokenizer.ggml.tokens", .strings(StringTable(["a", "b", "ab"])))
        metadata.set("tokenizer.ggml.token_type", .integers([1, 1, 3]))
        let plans = [TensorPlan("w", .q8_0, shape: [2, 32])!, TensorPlan("v", .f32, shape: [3])!, TensorPlan("k", .q4_k, shape: [256])!]
        try fill(GGUFWriter(path: path, metadata: metadata, tensors: plans))
        return try FileReader.contents(of: path)
    }

    private static func fill(_ writer: some CheckpointWriter) throws {
        for plan in writer.tensors { try [UInt8](repeating: 3, count: plan.byteCount).withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
    }
}

/// Bytes of GGUF files by hand.
struct GGUFBytes {
    var bytes: [UInt8] = Array("GGUF".utf8)

    /// The magic number, version 3 and the counts.
    init(tensors: UInt64, pairs: UInt64) {
        add(UInt32(3))
        add(tensors)
        add(pairs)
    }

    mutating func add(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }

    mutating func add(_ text: String) {
        add(UInt64(text.utf8.count))
        bytes += Array(text.utf8)
    }

    mutating func addPair(_ key: String, _ value: UInt32) {
        add(key)
        add(UInt32(4))
        add(value)
    }

    mutating func addTensor(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) {
        add(name)
        add(UInt32(dimensions.count))
        for dimension in dimensions { add(dimension) }
        add(type)
        add(offset)
    }

    /// The header padded, and then `count` bytes of tensors.
    func with(data count: Int) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: roundUp(bytes.count, 32) - bytes.count + count)
    }
}

/// Opens a file or folder and reads all its tensors.
func readAll(_ path: String) throws(InputError) {
    let checkpoint: any Checkpoint =
        switch path.split(separator: ".").last {
        case "gguf": try GGUFFile(path: path)
        case "bin": try PyTorchCheckpoint(path: path)
        default: try SafetensorsCheckpoint(path: path)
        }
    for entry in checkpoint.entries {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: entry.byteCount, alignment: 64)
        defer { buffer.deallocate() }
        try checkpoint.read(entry, from: 0, into: buffer)
    }
}
