import ApusBase
import Glibc
import Testing

@testable import ApusCheckpoints

/// Files made to break the readers: each is refused in words that name it.
@Suite struct HostileFileTests {
    private let folder = TemporaryFolder()

    private func expectRefusal(_ name: String, _ bytes: [UInt8], _ words: String = "", _ location: SourceLocation = #_sourceLocation) throws {
        let path = try folder.write(name, bytes)
        let error = #expect(throws: InputError.self, sourceLocation: location) { try readAll(path) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.hasPrefix(path) && text.contains(words), "\(text)", sourceLocation: location)
    }

    @Test func refusesEveryTruncation() throws {
        let samples = [
            ("a.safetensors", try SampleFiles.safetensors(in: folder)), ("a.gguf", try SampleFiles.gguf(in: folder)), ("a.bin", SampleFiles.pytorch),
        ]
        for (name, bytes) in samples {
            try readAll(try folder.write(name, bytes))
            // GGUF's padding after the last tensor may be missing.
            let needed = name == "a.gguf" ? bytes.count - (32 - 144 % 32) % 32 : bytes.count
            for count in 0..<needed { try expectRefusal(name, Array(bytes[..<count])) }
            try expectRefusal(name, bytes + [UInt8](repeating: 0, count: 33))
        }
    }

    // MARK: GGUF

    @Test func refusesGGUFNumbers() throws {
        try expectRefusal("a.gguf", Array("GGUF".utf8) + [1, 0, 0, 0] + [UInt8](repeating: 0, count: 16), "version 1")
        try expectRefusal("a.gguf", Array("GGUF".utf8) + [0, 0, 0, 3] + [UInt8](repeating: 0, count: 16), "big-endian")
        for count in [UInt64.max, 1 << 63, 1 << 32, 1000] {
            try expectRefusal("a.gguf", GGUFBytes(tensors: count, pairs: 0).with(data: 0))
            try expectRefusal("a.gguf", GGUFBytes(tensors: 0, pairs: count).with(data: 0))
        }
        for alignment: UInt32 in [0, 3, 4, 1 << 30, .max] {
            var file = GGUFBytes(tensors: 0, pairs: 1)
            file.addPair("general.alignment", alignment)
            try expectRefusal("a.gguf", file.with(data: 0), "no power of two")
        }
        let shapes: [[UInt64]] = [
            [], [0], [1, 1, 1, 1, 1], [.max], [1 << 62, 4], [1 << 32, 1 << 32], [1 << 40, 1 << 24], [1 << 16, 1 << 16, 1 << 16, 1 << 16], [9],
        ]
        for shape in shapes {
            var file = GGUFBytes(tensors: 1, pairs: 0)
            file.addTensor("t", shape)
            try expectRefusal("a.gguf", file.with(data: 32))
        }
        var partial = GGUFBytes(tensors: 1, pairs: 0)
        partial.addTensor("t", [33], type: 8)
        try expectRefusal("a.gguf", partial.with(data: 64), "whole blocks")
        for type: UInt32 in [4, 9, 16, 99, .max] {
            var file = GGUFBytes(tensors: 1, pairs: 0)
            file.addTensor("t", [1], type: type)
            try expectRefusal("a.gguf", file.with(data: 32), "is not supported")
        }
    }

    @Test(arguments: [(UInt64(0), "is next"), (16, "is next"), (64, "is next"), (1 << 40, "more than the file"), (.max, "more than the file")])
    func refusesGGUFOffsets(offset: UInt64, words: String) throws {
        var file = GGUFBytes(tensors: 2, pairs: 0)
        file.addTensor("a", [8])
        file.addTensor("b", [8], offset: offset)
        try expectRefusal("a.gguf", file.with(data: 128), words)
    }

    @Test func refusesGGUFNames() throws {
        var twice = GGUFBytes(tensors: 2, pairs: 0)
        twice.addTensor("a", [8])
        twice.addTensor("a", [8], offset: 32)
        try expectRefusal("a.gguf", twice.with(data: 64), "occurs twice")
        var keys = GGUFBytes(tensors: 0, pairs: 2)
        for _ in 0..<2 { keys.addPair("k", 1) }
        try expectRefusal("a.gguf", keys.with(data: 0), "occurs twice")
        for name in ["", String(repeating: "x", count: 256)] {
            var file = GGUFBytes(tensors: 1, pairs: 0)
            file.addTensor(name, [8])
            try expectRefusal("a.gguf", file.with(data: 32))
        }
        var length = GGUFBytes(tensors: 0, pairs: 1)
        length.add(UInt64.max)
        try expectRefusal("a.gguf", length.with(data: 64), "more than the file has bytes")
        var text = GGUFBytes(tensors: 0, pairs: 1)
        text.add(UInt64(1))
        text.bytes.append(0xFF)
        try expectRefusal("a.gguf", text.with(data: 64), "UTF-8")
    }

    @Test func refusesGGUFArrays() throws {
        func array(_ type: UInt32, _ count: UInt64, _ bytes: Int = 64) throws -> [UInt8] {
            var file = GGUFBytes(tensors: 0, pairs: 1)
            file.add("k")
            file.add(UInt32(9))
            file.add(type)
            file.add(count)
            return file.bytes + [UInt8](repeating: 2, count: bytes)
        }
        for type: UInt32 in [0, 5, 8, 10, 12] { for count in [UInt64.max, 1 << 60, 1 << 20, 70] { try expectRefusal("a.gguf", array(type, count)) } }
        try expectRefusal("a.gguf", array(9, 1), "array of arrays")
        try expectRefusal("a.gguf", array(13, 1), "unknown value type")
        try expectRefusal("a.gguf", array(7, 64), "boolean")
        // Numbers are widened to 8 bytes: an array of bytes may not be as long as the file allows.
        try expectRefusal("a.gguf", array(0, 5 << 20, 5 << 20), "numbers above")
        var wrong = GGUFBytes(tensors: 0, pairs: 1)
        wrong.add("general.alignment")
        wrong.add(UInt32(8))
        wrong.add("32")
        try expectRefusal("a.gguf", wrong.with(data: 0), "an integer that fits 64 bits is needed, but the file has a string")
    }

    // MARK: Safetensors

    private func safetensors(_ header: String, length: UInt64? = nil, data: Int = 16) -> [UInt8] {
        withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Array($0) } + Array(header.utf8)
            + [UInt8](repeating: 0, count: data)
    }

    private static let headers: [String] = [
        "", "[]", "7", "{", "{}", #"{"a":1}"#, #"{"a":{}}"#, #"{"a":{"dtype":"F32","shape":[4]}}"#,
        #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}}"#, #"{"a":{"dtype":7,"shape":[4],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F99","shape":[4],"data_offsets":[0,16]}}"#, #"{"a":{"dtype":"F32","shape":4,"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[4.5],"data_offsets":[0,16]}}"#, #"{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":["4"],"data_offsets":[0,16]}}"#, #"{"a":{"dtype":"F32","shape":[[4]],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[1e300],"data_offsets":[0,16]}}"#, #"{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#, #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0]}}"#,
        #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16,16]}}"#, #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}}"#,
        #"{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}"#, #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
        #"{"__metadata__":{"k":1},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
        #"{"__metadata__":[],"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
        #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}} x"#,
    ]

    @Test(arguments: headers)
    func refusesSafetensorsHeaders(header: String) throws { try expectRefusal("a.safetensors", safetensors(header)) }

    @Test func refusesSafetensorsLengths() throws {
        let header = #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#
        try readAll(try folder.write("a.safetensors", safetensors(header)))
        let count = UInt64(header.utf8.count)
        for length in [0, 1, count - 1, count + 1, count + 16, count + 17, 1 << 32, 1 << 63, .max] {
            try expectRefusal("a.safetensors", safetensors(header, length: length))
        }
        let deep = String(repeating: "[", count: 100_000)
        try expectRefusal("a.safetensors", safetensors(#"{"a":\#(deep)"#))
        try expectRefusal("a.safetensors", safetensors(#"{"__metadata__":{"k":\#(deep)"#))
        try expectRefusal("a.safetensors", safetensors(#"{"\#(String(repeating: "x", count: 256))":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#))
        // A tree of this list would take sixteen times its bytes; it is refused at its ninth number.
        try expectRefusal("a.safetensors", safetensors(#"{"a":{"shape":[\#(String(repeating: "1,", count: 1 << 20))1]}}"#), "at most 8")
    }

    @Test(arguments: [
        "../a.safetensors", "/etc/passwd", "..", "", "x/a.safetensors", "a.bin", "b.safetensors",
    ])
    func refusesIndexNames(name: String) throws {
        try folder.write("a.safetensors", safetensors(#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#))
        try folder.write("model.safetensors.index.json", Array(#"{"weight_map":{"a":"\#(name)"}}"#.utf8))
        let error = #expect(throws: InputError.self) { try readAll(folder.path) }
        #expect("\(error!)".hasPrefix(folder.path + "/"))
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"weight_map":[]}"#, #"{"weight_map":{}}"#, #"{"weight_map":{"a":7}}"#, #"{"weight_map":{"b":"a.safetensors"}}"#,
        #"{"weight_map":{"a":"a.safetensors","b":"a.safetensors"}}"#, #"{"weight_map":{"a":"a.safetensors","a":"a.safetensors"}}"#,
        #"{"metadata":"# + String(repeating: "[", count: 10_000),
    ])
    func refusesIndexes(text: String) throws {
        try folder.write("a.safetensors", safetensors(#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#))
        try folder.write("model.safetensors.index.json", Array(text.utf8))
        let error = #expect(throws: InputError.self) { try readAll(folder.path) }
        #expect("\(error!)".hasPrefix(folder.path + "/model.safetensors.index.json"))
    }

    // MARK: Files that change

    @Test(arguments: ["a.safetensors", "a.gguf"])
    func noticesAFileThatShrinks(name: String) throws {
        let bytes = try name.hasSuffix("gguf") ? SampleFiles.gguf(in: folder) : SampleFiles.safetensors(in: folder)
        let path = try folder.write(name, bytes)
        let checkpoint: any Checkpoint = try name.hasSuffix("gguf") ? GGUFFile(path: path) : SafetensorsCheckpoint(path: path)
        truncate(path, 40)
        let error = #expect(throws: InputError.self) {
            for entry in checkpoint.entries {
                var buffer = [UInt8](repeating: 0, count: entry.byteCount)
                try buffer.withUnsafeMutableBytes { try checkpoint.read(entry, from: 0, into: $0) }
            }
        }
        #expect("\(error!)".hasPrefix(path) && "\(error!)".contains("truncated or shrank"))
    }
}
