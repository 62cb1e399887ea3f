import ApusBase

/// Byte-pair encoding over bytes (GPT-2 and nearly all decoders since): merges the bytes of a word.
struct ByteLevelBPE: Sendable {
    let vocabulary: Vocabulary
    let merges: MergeTable
    /// The token of each byte; `missing` for bytes that the vocabulary lacks, which leave no token (as in the reference implementations).
    let byteTokens: [UInt32]
    /// A word that is itself a token is not built by merges.
    let ignoresMerges: Bool
    static let missing = UInt32.max

    init(
        vocabulary: Vocabulary, merges: StringTable, ignoresMerges: Bool, unknown: Int?, subject: String
    ) throws(InputError) {
        try self.init(
            vocabulary: vocabulary, merges: MergeTable(merges, vocabulary, subject: subject), ignoresMerges: ignoresMerges, unknown: unknown,
            subject: subject)
    }

    init(
        vocabulary: Vocabulary, merges: MergeTable, ignoresMerges: Bool, unknown: Int? = nil, subject: String
    ) throws(InputError) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.ignoresMerges = ignoresMerges
        byteTokens = (0..<256).map { byte in
            var text: [UInt8] = []
            ByteAlphabet.append(UInt8(byte), to: &text)
            let own = vocabulary.id(text).flatMap { vocabulary.added.contains($0) ? nil : $0 }
            return (own ?? unknown).map { UInt32($0) } ?? Self.missing
        }
        guard byteTokens.contains(where: { $0 != Self.missing }) else {
            throw InputError(subject, "the vocabulary has no token for any byte, so it is not that of a byte-level BPE")
        }
    }
}

/// The scratch memory of `ByteLevelBPE`.
final class ByteLevelWords: WordModel {
    static var fusesUnknown: Bool { false }
    var fusedToken: Int32 { -1 }
    private let model: ByteLevelBPE
    private let merger: PairMerger
    @exclusivity(unchecked) private var spelled: [UInt8] = []

    private let isSampled: Bool

    init(_ model: ByteLevelBPE, dropout: MergeDropout? = nil) {
        self.model = model
        merger = PairMerger(model.merges, dropout: dropout)
        isSampled = dropout != nil
    }

    var tokens: UnsafeMutablePointer<UInt32> {
        @inline(__always) get { merger.tokens }
    }

    @inline(__always)
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> { end }

    @inline(never)
    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        merger.reserve(count)
        if model.ignoresMerges, !isSampled, let whole = wholeToken(p, count) {
            merger.tokens[0] = UInt32(whole)
            return 1
        }
        let tokens = merger.tokens
        var length = 0
        model.byteTokens.withUnsafeBufferPointer { byteTokens in
            for i in 0..<count {
                tokens[length] = byteTokens[Int(p[i])]
                if tokens[length] != ByteLevelBPE.missing { length += 1 }
            }
        }
        return merger.merge(length)
    }

    private func wholeToken(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        spelled.removeAll(keepingCapacity: true)
        for i in 0..<count { ByteAlphabet.append(p[i], to: &spelled) }
        let id = spelled.withUnsafeBufferPointer { model.vocabulary.id($0.baseAddress!, $0.count) }
        return id.flatMap { model.vocabulary.isText($0) ? $0 : nil }
    }
}
