import ApusBase
import ApusCheckpoints
import ApusDescription

/// Typed access to the keys of a GGUF file's architecture that remembers what was asked for, so that nothing is ignored unseen.
struct GGUFReader {
    let file: GGUFFile
    let architecture: String
    private var used: Set<String> = []

    init(_ file: GGUFFile, architecture: String) {
        self.file = file
        self.architecture = architecture
    }

    private mutating func key(_ name: String) -> String {
        let key = "\(architecture).\(name)"
        used.insert(key)
        return key
    }

    mutating func int(_ name: String, in range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int? {
        guard let value = try file.metadata.int(key(name)) else { return nil }
        guard range.contains(value) else { throw error(name, "\(value) is not from \(range.lowerBound) to \(range.upperBound)") }
        return value
    }

    mutating func required(_ name: String, in range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int {
        guard let value = try int(name, in: range) else { throw error(name, "is missing") }
        return value
    }

    mutating func double(_ name: String) throws(InputError) -> Double? { try file.metadata.double(key(name)) }
    mutating func bool(_ name: String) throws(InputError) -> Bool? { try file.metadata.bool(key(name)) }
    mutating func string(_ name: String) throws(InputError) -> String? { try file.metadata.string(key(name)) }

    /// Keys that change nothing that is computed.
    mutating func ignore(_ names: String...) { for name in names { _ = key(name) } }

    func has(_ tensor: String) -> Bool { file.entry(tensor) != nil }

    func error(_ name: String, _ rule: String, remedy: String? = nil) -> InputError {
        InputError(file.path, at: "metadata \(architecture).\(name)", rule, remedy: remedy)
    }

    /// - Throws: an `InputError` when the file has a key of the architecture that nobody asked for.
    func finish() throws(InputError) {
        if let unknown = file.metadata.keys.first(where: { $0.hasPrefix(architecture + ".") && !used.contains($0) }) {
            throw InputError(file.path, at: "metadata \(unknown)", "is not understood and could change what the model computes")
        }
    }
}

/// What the keys of every architecture say.
extension GGUFReader {
    /// Rows of the embedding; the key says the same where there is one.
    mutating func vocabularySize() throws(InputError) -> Int {
        guard let vocabulary = file.entry("token_embd.weight")?.shape.first else {
            throw InputError(file.path, "the tensor token_embd.weight is missing")
        }
        if let stated = try int("vocab_size"), stated != vocabulary {
            throw error("vocab_size", "is \(stated), but token_embd.weight has \(vocabulary) rows")
        }
        return vocabulary
    }

    /// Heads with biases as the tensors of the first layer have them.
    mutating func attention(width: Int) throws(InputError) -> AttentionDescription {
        let heads = try required("attention.head_count", in: 1...65536)
        let kvHeads = try int("attention.head_count_kv", in: 1...65536) ?? heads
        guard heads % kvHeads == 0 else { throw error("attention.head_count_kv", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try int("attention.key_length", in: 1...65536) ?? width / heads
        guard headSize > 0, try int("attention.value_length", in: 1...65536) ?? headSize == headSize else {
            throw error("attention.key_length", "the head size \(headSize) must be that of the values")
        }
        return AttentionDescription(
            heads: heads, kvHeads: kvHeads, headSize: headSize, inputBias: has("blk.0.attn_q.bias") || has("blk.0.attn_qkv.bias"),
            outputBias: has("blk.0.attn_output.bias"))
    }
}
