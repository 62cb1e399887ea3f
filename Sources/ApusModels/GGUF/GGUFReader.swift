import ApusBase
import ApusCheckpoints
import ApusDescription

/// Typed access to the keys of a GGUF file's architecture that remembers what was asked for, so that nothing is ignored unseen.
struct GGUFReader {
    let metadata: GGUFMetadata
    let architecture: String
    /// The divisors of frequencies, where the file has such a tensor.
    private let rotaryDivisors: [Float]?
    private var hasReadDivisors = false
    /// For errors.
    private let path: String
    /// Of the tensors, by name.
    private let shapes: [String: [Int]]
    private var used: Set<String> = []

    /// The reader of a file that may not be written yet.
    init(path: String, _ metadata: GGUFMetadata, shapes: [String: [Int]], rotaryDivisors: [Float]?, architecture: String) {
        self.path = path
        self.metadata = metadata
        self.shapes = shapes
        self.rotaryDivisors = rotaryDivisors
        self.architecture = architecture
    }

    init(_ file: GGUFFile, architecture: String) throws(InputError) {
        self.init(
            path: file.path, file.metadata, shapes: Dictionary(uniqueKeysWithValues: file.entries.map { ($0.name, $0.shape) }),
            rotaryDivisors: try Self.divisors(in: file), architecture: architecture)
    }

    private static func divisors(in file: GGUFFile) throws(InputError) -> [Float]? {
        guard let entry = file.entry("rope_freqs.weight") else { return nil }
        guard entry.dtype == .f32, entry.shape.count == 1, entry.elementCount <= 65536 else {
            throw InputError(file.path, at: "tensor rope_freqs.weight", "a vector of at most 65536 numbers of type f32 is needed")
        }
        return try file.vector(entry)
    }

    private mutating func key(_ name: String) -> String {
        let key = "\(architecture).\(name)"
        used.insert(key)
        return key
    }

    mutating func int(_ name: String, in range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int? {
        guard let value = try metadata.int(key(name)) else { return nil }
        guard range.contains(value) else { throw error(name, "\(value) is not from \(range.lowerBound) to \(range.upperBound)") }
        return value
    }

    mutating func required(_ name: String, in range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int {
        guard let value = try int(name, in: range) else { throw error(name, "is missing") }
        return value
    }

    mutating func double(_ name: String) throws(InputError) -> Double? { try metadata.double(key(name)) }
    mutating func bool(_ name: String) throws(InputError) -> Bool? { try metadata.bool(key(name)) }
    mutating func string(_ name: String) throws(InputError) -> String? { try metadata.string(key(name)) }
    mutating func value(_ name: String) -> GGUFValue? { metadata[key(name)] }

    mutating func divisors() -> [Float]? {
        hasReadDivisors = true
        return rotaryDivisors
    }

    /// Keys that change nothing that is computed.
    mutating func ignore(_ names: String...) { for name in names { _ = key(name) } }

    func has(_ tensor: String) -> Bool { shapes[tensor] != nil }
    func shape(of tensor: String) -> [Int]? { shapes[tensor] }

    func error(_ name: String, _ rule: String, remedy: String? = nil) -> InputError {
        InputError(path, at: "metadata \(architecture).\(name)", rule, remedy: remedy)
    }

    func error(tensor name: String, _ rule: String) -> InputError { InputError(path, at: "tensor \(name)", rule) }

    /// - Throws: an `InputError` when the file has a key of the architecture, or divisors, that nobody asked for.
    func finish() throws(InputError) {
        guard rotaryDivisors == nil || hasReadDivisors else { throw error(tensor: "rope_freqs.weight", "\(architecture) models have none") }
        if let unknown = metadata.keys.first(where: { $0.hasPrefix(architecture + ".") && !used.contains($0) }) {
            throw InputError(path, at: "metadata \(unknown)", "is not understood and could change what the model computes")
        }
    }
}
