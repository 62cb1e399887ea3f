import ApusBase
import Testing

@testable import ApusCheckpoints

/// PyTorch files made to run code, to go out of bounds or to take all memory: each is refused in words that name it.
@Suite struct HostilePyTorchTests {
    private let folder = TemporaryFolder()

    private func expectRefusal(_ bytes: [UInt8], _ words: String, _ location: SourceLocation = #_sourceLocation) throws {
        let path = try folder.write("a.bin", bytes)
        let error = #expect(throws: InputError.self, sourceLocation: location) { try readAll(path) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.hasPrefix(path) && text.contains(words), "\(text)", sourceLocation: location)
    }

    private func expectRefusal(pickle: [UInt8], _ words: String, _ location: SourceLocation = #_sourceLocation) throws {
        try expectRefusal(ZipBytes.pytorch(pickle), words, location)
    }

    // MARK: Pickles

    @Test func refusesEveryOtherGlobalByName() throws {
        for (module, name) in [
            ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"), ("subprocess", "Popen"),
            ("torch.hub", "load"), ("torch", "load"), ("torch._utils", "_rebuild_tensor_v3"), ("torch._utils", "_rebuild_qtensor"),
            ("torch", "DoubleStorage"), ("torch.storage", "UntypedStorage"), ("collections", "defaultdict"), ("collections", "OrderedDict.fromkeys"),
        ] {
            let call = [0x80, 2] + PickleBytes.global(module, name) + PickleBytes.tuple([PickleBytes.text("id")]) + [0x52, 0x2E]
            try expectRefusal(pickle: call, "the global \(module).\(name) is refused")
        }
        try expectRefusal(pickle: [0x63] + [UInt8](repeating: 0x61, count: 300), "has no end")
        try expectRefusal(pickle: [0x63, 0xFF, 10, 10], "UTF-8")
    }

    @Test func refusesEveryOtherOperationByName() throws {
        let known = Set(Array("NKMJXc()t}suqrhjQRb.".utf8) + [0x80, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A])
        for byte in UInt8.min...UInt8.max where !known.contains(byte) {
            try expectRefusal(pickle: [byte] + Array("os\nsystem\n".utf8), "the operation \(PickleOpcode.name(byte)) is refused")
        }
        #expect(PickleOpcode.name(0x93) == "STACK_GLOBAL" && PickleOpcode.name(0x69) == "INST" && PickleOpcode.name(0x81) == "NEWOBJ")
        for version: UInt8 in [0, 1, 3, 4, 5, 255] { try expectRefusal(pickle: [0x80, version, 0x7D, 0x2E], "PROTO \(version) is refused") }
    }

    @Test func refusesCallsThatAStateDictDoesNotMake() throws {
        let order = PickleBytes.global("collections", "OrderedDict"), size = PickleBytes.global("torch", "Size")
        try expectRefusal(pickle: PickleBytes.text("f") + [0x29, 0x52, 0x2E], "REDUCE calls a string")
        try expectRefusal(pickle: order + [0x4E, 0x52, 0x2E], "with None")
        try expectRefusal(pickle: order + PickleBytes.tuple([PickleBytes.tuple([])]) + [0x52, 0x2E], "collections.OrderedDict with 1 arguments")
        try expectRefusal(pickle: size + [0x29, 0x52, 0x2E], "torch.Size with 0 arguments")
        try expectRefusal(pickle: PickleBytes.global("torch", "FloatStorage") + [0x29, 0x52, 0x2E], "torch.FloatStorage with 0 arguments")
        try expectRefusal(pickle: PickleBytes.text("f") + [0x7D, 0x62, 0x2E], "BUILD")
        try expectRefusal(pickle: [0x7D, 0x4E, 0x62, 0x2E], "BUILD")
        try expectRefusal(pickle: PickleBytes.tuple([PickleBytes.text("storage")]) + [0x51, 0x2E], "BINPERSID")
        try expectRefusal(pickle: PickleBytes.storage(count: -1) + [0x2E], "BINPERSID")
        try expectRefusal(pickle: PickleBytes.storage(count: .max) + [0x2E], "beyond all sizes")
        try expectRefusal(pickle: PickleBytes.storage() + PickleBytes.storage(count: 7), "two types or sizes")
        let rebuild = PickleBytes.global("torch._utils", "_rebuild_tensor_v2")
        try expectRefusal(pickle: rebuild + [0x29, 0x52, 0x2E], "_rebuild_tensor_v2 needs")
        let parameter = PickleBytes.global("torch._utils", "_rebuild_parameter")
        try expectRefusal(pickle: parameter + PickleBytes.tuple([[0x4E], [0x88], [0x7D]]) + [0x52, 0x2E], "_rebuild_parameter needs")
    }

    @Test func refusesAnUnsoundStack() throws {
        try expectRefusal(pickle: [], "ends in the middle")
        try expectRefusal(pickle: [0x2E], "STOP")
        try expectRefusal(pickle: [0x7D, 0x7D, 0x2E], "2 values are left")
        try expectRefusal(pickle: [0x7D, 0x2E, 0x2E], "1 bytes")
        try expectRefusal(pickle: [0x28, 0x7D, 0x2E], "STOP")
        for (bytes, words): ([UInt8], String) in [
            ([0x74], "no"), ([0x75], "mark"), ([0x85], "fewer"), ([0x4E, 0x28, 0x85], "fewer"), ([0x51], "none left"), ([0x52], "none left"),
            ([0x71, 0], "memo"), ([0x4E, 0x28, 0x71, 0], "memo"), ([0x68, 0], "no value 0"), ([0x6A, 1, 0, 0, 128], "no value"),
            ([0x7D, 0x4E, 0x4E, 0x4E, 0x73], "no dictionary"), ([0x7D, 0x28, 0x4E, 0x75], "no dictionary"), ([0x28, 0x4E, 0x75], "no dictionary"),
            ([0x8A, 200], "200 bytes"), ([0x58, 255, 255, 255, 255], "ends in the middle"), ([0x58, 1, 0, 0, 0, 0xFF], "UTF-8"),
        ] { try expectRefusal(pickle: bytes, words) }
    }

    @Test func survivesDepthCyclesAndBombs() throws {
        let many = 1 << 19
        try expectRefusal(pickle: [0x29] + [UInt8](repeating: 0x85, count: many) + [0x2E], "holds a tuple")
        try expectRefusal(pickle: [UInt8](repeating: 0x28, count: many), "ends in the middle")
        try expectRefusal(pickle: [UInt8](repeating: 0x7D, count: 1 << 20), "operations")
        // A dictionary in itself, and a tuple that doubles with each step.
        try expectRefusal(pickle: [0x7D, 0x71, 0] + PickleBytes.text("w") + [0x68, 0, 0x73, 0x2E], "is a dictionary, no tensor")
        let doubling = (0..<200).flatMap { _ in [0x71, 0, 0x68, 0, 0x86] as [UInt8] }
        try expectRefusal(pickle: [0x29] + doubling + [0x2E], "holds a tuple")
    }

    @Test func refusesWhatIsNoStateDict() throws {
        try expectRefusal(pickle: [0x4E, 0x2E], "holds None")
        try expectRefusal(pickle: PickleBytes.tensor([6], [1]) + [0x2E], "holds a tensor")
        try expectRefusal(pickle: PickleBytes.state([("model", [0x7D])]), "tensor model: is a dictionary")
        try expectRefusal(pickle: PickleBytes.state([("step", PickleBytes.number(3))]), "tensor step: is a number")
        let tensor = PickleBytes.tensor([6], [1])
        try expectRefusal(pickle: PickleBytes.state([("w", tensor), ("w", tensor)]), "occurs twice")
        for name in ["", String(repeating: "x", count: 256)] { try expectRefusal(pickle: PickleBytes.state([(name, tensor)]), "names of 1 to 255") }
        try expectRefusal(pickle: [0x7D, 0x4E] + tensor + [0x73, 0x2E], "keys must be names")
    }

    // MARK: Views

    @Test(arguments: [
        ([7], [1], 0), ([6], [1], 1), ([2, 3], [4, 1], 0), ([2], [.max], 0), ([3], [.max], 0), ([2, 2], [.max, .max], 0), ([.max], [1], 0),
        ([.max, .max], [1, 1], 0), ([1], [1], 6), ([1], [1], .max), ([0], [1], 7), ([2], [1], .max), ([6], [0], .max),
    ])
    func refusesViewsOutsideTheirStorage(shape: [Int], strides: [Int], offset: Int) throws {
        try expectRefusal(pickle: PickleBytes.state([("w", PickleBytes.tensor(shape, strides, offset: offset))]), "outside its storage of 6")
    }

    @Test func refusesOtherViews() throws {
        func view(_ shape: [Int], _ strides: [Int], offset: Int = 0) -> [UInt8] {
            PickleBytes.state([("w", PickleBytes.tensor(shape, strides, offset: offset))])
        }
        try expectRefusal(pickle: view([1 << 40], [0]), "repeats the 6 elements")
        for bytes in [
            view([-1], [1]), view([1], [-1]), view([6], [1], offset: -1), view([6], []), view([Int](repeating: 1, count: 9), [Int](repeating: 1, count: 9)),
        ] {
            try expectRefusal(pickle: bytes, "_rebuild_tensor_v2 needs")
        }
        try readAll(try folder.write("a.bin", ZipBytes.pytorch(view([6], [1]))))
    }

    // MARK: Zip files

    private let pickle = PickleBytes.state([("w", PickleBytes.tensor([6], [1]))])
    private let data = [UInt8](repeating: 1, count: 24)

    private func zip(_ change: (inout ZipBytes) -> Void) -> ZipBytes {
        var zip = ZipBytes()
        zip.add("a/data.pkl", pickle)
        change(&zip)
        return zip
    }

    @Test func refusesUnsoundArchives() throws {
        let sound = zip { $0.add("a/data/0", data) }
        for isLarge in [false, true] {
            try readAll(try folder.write("a.bin", sound.finished(isLarge: isLarge)))
            for count in [0, 1, 3, 1 << 16, 1 << 32, UInt64.max] { try expectRefusal(sound.finished(isLarge: isLarge, count: count), "") }
            for offset in [0, UInt64(sound.bytes.count) + 1, 0xFFFF_FFFF, UInt64.max] {
                try expectRefusal(sound.finished(isLarge: isLarge, offset: offset), "does not end here")
            }
            try expectRefusal(sound.finished(isLarge: isLarge, disk: 1), "several files")
        }
        try readAll(try folder.write("a.bin", zip { $0.add("a/data/0", data, isLarge: true) }.finished(isLarge: true)))
        try expectRefusal(zip { $0.add("a/data/0", data, method: 8) }.finished(), "is compressed (method 8)")
        try expectRefusal(zip { $0.add("a/data/0", data, flags: 1) }.finished(), "encrypted")
        try expectRefusal(zip { $0.add("a/data/0", data, local: "a/data/1") }.finished(), "no local header")
        for isLarge in [false, true] {
            try expectRefusal(zip { $0.add("a/data/0", data, size: 25, isLarge: isLarge) }.finished(), "reach into")
            try expectRefusal(zip { $0.add("a/data/0", data, size: 23, isLarge: isLarge) }.finished(), "has 23 bytes")
            for offset: UInt64 in [1, 7, 1 << 31] { try expectRefusal(zip { $0.add("a/data/0", data, offset: offset, isLarge: isLarge) }.finished(), "") }
            // Two entries that share their bytes.
            try expectRefusal(zip { $0.add("a/data.pkl", pickle, offset: 0, isLarge: isLarge) }.finished(), "reach into")
        }
        try expectRefusal(zip { $0.add("a/data/0", data, offset: .max, isLarge: true) }.finished(), "no local header")
        try expectRefusal(
            zip {
                $0.add("a/data/0", data); $0.add("a/data/0", data)
            }.finished(), "occurs twice")
        var comment = sound.finished()
        comment[comment.count - 2] = 1
        try expectRefusal(comment, "directory is missing")
    }

    @Test func refusesOtherArchives() throws {
        try expectRefusal([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E], "no zip file")
        try expectRefusal([], "no zip file")
        var other = ZipBytes()
        other.add("data.pkl", pickle)
        try expectRefusal(other.finished(), "without data.pkl in a folder")
        try expectRefusal(zip { $0.add("b/data.pkl", pickle) }.finished(), "without data.pkl in a folder")
        try expectRefusal(zip { $0.add("a/constants.pkl", []) }.finished(), "TorchScript")
        try expectRefusal(ZipBytes.pytorch(pickle, byteOrder: "big"), "byte order is \"big\"")
        try expectRefusal(zip { _ in }.finished(), "is missing, but the pickle has tensors in it")
        for name in ["b/data/0", "a/data/00", "a/0"] { try expectRefusal(zip { $0.add(name, data) }.finished(), "is missing") }
        var wrong = ZipBytes()
        wrong.add("a/data.pkl", pickle, checksum: 1)
        try expectRefusal(wrong.finished(), "checksum")
        wrong = ZipBytes()
        wrong.add("a/data.pkl", pickle, checksum: 0)
        wrong.add("a/data/0", data)
        try readAll(try folder.write("a.bin", wrong.finished()))
    }

    @Test(arguments: ["../a.bin", "/etc/passwd", "", "x/a.bin", "a.safetensors", "b.bin"])
    func refusesIndexNames(name: String) throws {
        try folder.write("a.bin", SampleFiles.pytorch)
        try folder.write("pytorch_model.bin.index.json", Array(#"{"weight_map":{"w":"\#(name)"}}"#.utf8))
        let error = #expect(throws: InputError.self) { _ = try PyTorchCheckpoint(path: folder.path) }
        #expect("\(error!)".hasPrefix(folder.path + "/"))
    }
}
