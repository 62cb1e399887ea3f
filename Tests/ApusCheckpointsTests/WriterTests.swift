import ApusBase
import ApusTensor
import Testing

@testable import ApusCheckpoints

/// What the writers write, the readers read.
@Suite struct WriterTests {
    private let folder = TemporaryFolder()

    private func plans(_ rows: [(String, DType, [Int])]) throws -> [TensorPlan] {
        try rows.map { name, dtype, shape in try #require(TensorPlan(name, dtype, shape: shape)) }
    }

    /// Bytes that tell tensors and places apart.
    private func content(_ plan: TensorPlan) -> [UInt8] {
        let seed = plan.name.utf8.reduce(UInt8(7)) { $0 &* 31 &+ $1 }
        return (0..<plan.byteCount).map { seed &+ UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 8) }
    }

    /// In pieces of odd sizes.
    private func fill(_ writer: some CheckpointWriter) throws {
        for plan in writer.tensors {
            let bytes = content(plan)
            for start in stride(from: 0, to: bytes.count, by: 37) {
                try bytes[start..<min(start + 37, bytes.count)].withUnsafeBytes { try writer.append($0) }
            }
        }
        try writer.finish()
    }

    private func check(_ checkpoint: some Checkpoint, _ plans: [TensorPlan]) throws {
        #expect(checkpoint.entries.count == plans.count)
        for plan in plans {
            let entry = try #require(checkpoint.entry(plan.name))
            #expect(entry.dtype == plan.dtype && entry.shape == plan.shape && entry.byteCount == plan.byteCount)
            var bytes = [UInt8](repeating: 0, count: entry.byteCount)
            try bytes.withUnsafeMutableBytes { try checkpoint.read(entry, from: 0, into: $0) }
            #expect(bytes == content(plan), "\(plan.name)")
        }
    }

    @Test func writesOneSafetensorsFile() throws {
        let plans = try plans([
            ("b", .bf16, [3]), ("w", .f32, [5, 7]), ("empty", .f32, [0, 4]), ("ids", .i64, [2]), ("u", .u8, [1]), ("ü\"\\\n", .f16, [2, 1, 3]),
            ("scalar", .f32, []),
        ])
        let writer = try SafetensorsWriter(path: folder.path + "/a.safetensors", tensors: plans, metadata: [("format", "pt")])
        try fill(writer)
        #expect(folder.names == ["a.safetensors"])
        #expect(try FileReader(path: folder.path + "/a.safetensors").byteCount == writer.byteCount)
        try check(SafetensorsCheckpoint(path: folder.path + "/a.safetensors"), plans)
    }

    @Test func writesShardsWithAnIndex() throws {
        let plans = try plans([("a", .f32, [10]), ("b", .f32, [20]), ("c", .f32, [3]), ("d", .f32, [100]), ("e", .f32, [0])])
        try fill(SafetensorsWriter(path: folder.path, tensors: plans, shardByteCount: 120))
        #expect(
            folder.names == [
                "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
                "model.safetensors.index.json",
            ])
        try check(SafetensorsCheckpoint(path: folder.path), plans)
        let index = try JSON(contentsOf: folder.path + "/model.safetensors.index.json")
        #expect(index["metadata"]?["total_size"] == .integer(532))
        #expect(index["weight_map"]?["c"] == .string("model-00002-of-00003.safetensors"))
    }

    @Test func writesNoIndexForOneShard() throws {
        let plans = try plans([("a", .f16, [10])])
        try fill(SafetensorsWriter(path: folder.path, tensors: plans))
        #expect(folder.names == ["model.safetensors"])
        try check(SafetensorsCheckpoint(path: folder.path), plans)
    }

    @Test func writesGGUFWithMetadataOfEveryType() throws {
        let path = folder.path + "/a.gguf"
        let values: [(String, GGUFValue, GGUFValueType)] = [
            ("u8", .integer(255), .uint8), ("i8", .integer(-128), .int8), ("u16", .integer(65535), .uint16), ("i16", .integer(-9), .int16),
            ("u32", .integer(1 << 31), .uint32), ("i32", .integer(-5), .int32), ("u64", .integer(.max), .uint64), ("i64", .integer(.min), .int64),
            ("big", .unsigned(.max), .uint64), ("f32", .number(0.5), .float32), ("f64", .number(0.1), .float64), ("b", .bool(true), .bool),
            ("s", .string("ä\0b"), .string), ("as", .strings(StringTable(["", "x", "é"])), .string), ("ab", .bools([true, false]), .bool),
            ("ai8", .integers([-1, 2]), .int8), ("au64", .integers([1]), .uint64), ("af", .numbers([1, -2]), .float32),
            ("ad", .numbers([]), .float64),
        ]
        var metadata = GGUFMetadata(path: path)
        for (key, value, type) in values { metadata.set(key, value, as: type) }
        let plans = try plans([("q", .q4_k, [3, 512]), ("v", .f32, [5]), ("h", .f16, [2, 3, 1]), ("i", .i32, [1])])
        let writer = try GGUFWriter(path: path, metadata: metadata, tensors: plans)
        try fill(writer)
        let file = try GGUFFile(path: path)
        #expect(file.version == 3 && file.alignment == 32 && file.metadata.keys == values.map(\.0))
        for (key, value, type) in values {
            #expect("\(file.metadata[key]!)" == "\(value)" && file.metadata.elementType(key) == type, "\(key)")
        }
        #expect(try FileReader(path: path).byteCount == writer.byteCount)
        try check(file, plans)
    }

    @Test func refusesWhatTheFormatsLack() throws {
        var metadata = GGUFMetadata(path: "x")
        metadata.set("k", .integer(-1))
        let path = folder.path + "/a.gguf"
        #expect(throws: InputError(path, at: "metadata k", "-1 does not fit uint32")) {
            try GGUFWriter(path: path, metadata: metadata, tensors: [])
        }
        let empty = GGUFMetadata(path: "x")
        #expect(throws: InputError.self) { try GGUFWriter(path: path, metadata: empty, tensors: self.plans([("a", .u8, [1])])) }
        #expect(throws: InputError.self) { try GGUFWriter(path: path, metadata: empty, tensors: self.plans([("a", .f32, [])])) }
        #expect(throws: InputError.self) { try SafetensorsWriter(path: self.folder.path, tensors: self.plans([("a", .q8_0, [32])])) }
        #expect(folder.names.isEmpty)
    }

    @Test func leavesNothingWhenDropped() throws {
        let plans = try plans([("a", .f32, [4]), ("b", .f32, [4])])
        do {
            let one = try SafetensorsWriter(path: folder.path, tensors: plans, shardByteCount: 16)
            let other = try GGUFWriter(path: folder.path + "/a.gguf", metadata: GGUFMetadata(path: "x"), tensors: plans)
            try content(plans[0]).withUnsafeBytes {
                try one.append($0)
                try other.append($0)
            }
            #expect(folder.names.count == 3)
        }
        #expect(folder.names.isEmpty)
    }
}
