import ApusBase
import Glibc

/// The tokens of a model by id and by text. Immutable after its initialiser.
final class Vocabulary: @unchecked Sendable {
    /// What a token is, numbered as in GGUF's `tokenizer.ggml.token_type`.
    enum Kind: UInt8, Sendable {
        case undefined, normal, unknown, control, userDefined, unused, byte
    }

    let count: Int
    private(set) var kinds: [Kind]
    /// Tokens that were added to a model and are no part of its own vocabulary: they are matched in text, and no model makes them.
    private(set) var added: Set<Int> = []
    private let bytes: UnsafeMutablePointer<UInt8>
    private let offsets: UnsafeMutablePointer<UInt32>
    /// One slot: the upper half of a hash, and an id plus one; zero is free.
    private let slots: UnsafeMutablePointer<UInt64>
    private let mask: Int
    private let hashing = Hashing()

    /// - Throws: `InputError` when two ids have the same text, since text would then have no one encoding.
    init(texts: StringTable, kinds: [Kind], subject: String) throws(InputError) {
        guard texts.count > 0, texts.count < Int(Int32.max), texts.bytes.count < Int(UInt32.max) else {
            throw InputError(
                subject, "a vocabulary of \(texts.count) tokens; there must be at least one, fewer than 2^31, and 4 GiB of text at most")
        }
        count = texts.count
        self.kinds = kinds
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, texts.bytes.count))
        texts.bytes.withUnsafeBufferPointer { if let base = $0.baseAddress { copy.update(from: base, count: $0.count) } }
        bytes = copy
        offsets = .allocate(capacity: count + 1)
        for (index, offset) in texts.offsets.enumerated() { offsets[index] = UInt32(offset) }
        var capacity = 64
        while capacity < count * 2 { capacity *= 2 }
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: 0, count: capacity)
        for id in 0..<count {
            if let other = insert(id) {
                throw InputError(
                    subject, at: "token \(id)", "its text \"\(string(id))\" is that of token \(other) as well",
                    remedy: "each token of a vocabulary must be unique; convert the model again")
            }
        }
    }

    deinit {
        bytes.deallocate()
        offsets.deallocate()
        slots.deallocate()
    }

    /// Returns the id that has the text already. Empty texts name nothing and are left out.
    private func insert(_ id: Int) -> Int? {
        let text = text(id)
        guard !text.isEmpty else { return nil }
        let hash = hashing.hash(text.baseAddress!, text.count)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if let other = match(slot, hash, text.baseAddress!, text.count) { return other }
            slot = (slot + 1) & mask
        }
        slots[slot] = hash & ~0xFFFF_FFFF | UInt64(id + 1)
        return nil
    }

    @inline(__always)
    private func match(_ slot: Int, _ hash: UInt64, _ p: UnsafePointer<UInt8>, _ length: Int) -> Int? {
        guard slots[slot] >> 32 == hash >> 32 else { return nil }
        let id = Int(slots[slot] & 0xFFFF_FFFF) - 1
        return has(id, p, length) ? id : nil
    }

    /// Whether the token has this text.
    @inline(__always)
    func has(_ id: Int, _ p: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        let start = Int(offsets[id])
        return Int(offsets[id + 1]) - start == length && memcmp(bytes + start, p, length) == 0
    }

    /// Whether the id is a token whose text is the two parts joined.
    @inline(__always)
    func has(_ id: Int, _ left: UnsafePointer<UInt8>, _ leftCount: Int, _ right: UnsafePointer<UInt8>, _ rightCount: Int) -> Bool {
        guard id < count else { return false }
        let start = Int(offsets[id])
        return Int(offsets[id + 1]) - start == leftCount + rightCount && memcmp(bytes + start, left, leftCount) == 0
            && memcmp(bytes + start + leftCount, right, rightCount) == 0
    }

    /// The id of the token with this text, or nil.
    @inline(__always)
    func id(_ p: UnsafePointer<UInt8>, _ length: Int) -> Int? {
        let hash = hashing.hash(p, length)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if let id = match(slot, hash, p, length) { return id }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func id(_ text: some Sequence<UInt8>) -> Int? {
        let text = Array(text)
        return text.withUnsafeBufferPointer { $0.isEmpty ? nil : id($0.baseAddress!, $0.count) }
    }

    func id(_ text: String) -> Int? { id(text.utf8) }

    /// The text of a token as the model's file spells it; valid as long as the vocabulary.
    func text(_ id: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + Int(offsets[id]), count: Int(offsets[id + 1] - offsets[id]))
    }

    /// The bytes of all texts together.
    var byteCount: Int { Int(offsets[count]) }

    func string(_ id: Int) -> String { String(decoding: text(id), as: UTF8.self) }

    /// Before the vocabulary is shared: sets what a token is.
    func setKind(_ kind: Kind, of id: Int) { kinds[id] = kind }

    /// Before the vocabulary is shared: says that a token is no part of the model's own.
    func setAdded(_ id: Int) { added.insert(id) }

    /// Whether a model may make the token of a piece of text that is the token's.
    @inline(__always) func isText(_ id: Int) -> Bool {
        switch kinds[id] {
        case .normal: true
        case .control, .unknown: false
        case .userDefined: !added.contains(id)
        case .undefined, .unused, .byte: true
        }
    }
}
