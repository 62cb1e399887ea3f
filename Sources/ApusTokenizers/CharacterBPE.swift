import ApusBase

/// Byte-pair encoding over characters: SentencePiece's (Kudo and Richardson 2018) and that of `tokenizer.json` without "ByteLevel".
struct CharacterBPE: Sendable {
    let vocabulary: Vocabulary
    let merges: MergeTable
    let pairs: AdjacentPairs
    /// Characters that are no tokens but may become part of one, with ids behind the vocabulary's.
    let strangers: [[UInt8]: UInt32]
    let byteFallback: ByteFallback?
    /// What stands for other characters where there is no byte fallback; without it they leave no token.
    let unknown: UInt32?
    let fusesUnknown: Bool
    /// A word that is itself a token is not built by merges.
    let ignoresMerges: Bool
    /// The ids of ASCII characters, or `missing`.
    let asciiTokens: [UInt32]
    static let missing = UInt32.max

    /// - Parameter strangers: made by `MergeTable.init(scores:)`.
    init(
        vocabulary: Vocabulary, merges: MergeTable, strangers: [[UInt8]: UInt32] = [:], byteFallback: ByteFallback?, unknown: Int?,
        fusesUnknown: Bool, ignoresMerges: Bool = false
    ) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.strangers = strangers
        self.byteFallback = byteFallback
        self.unknown = unknown.map { UInt32($0) }
        self.fusesUnknown = fusesUnknown && byteFallback == nil
        self.ignoresMerges = ignoresMerges
        // A control token is not reached from text: no merge leads to it.
        pairs = AdjacentPairs(vocabulary) { vocabulary.isText($0) }
        asciiTokens = (0..<128).map { byte in Self.character(vocabulary, [UInt8(byte)]) ?? strangers[[UInt8(byte)]] ?? Self.missing }
    }

    /// The token of a character, unless it is a mark of the format.
    private static func character(_ vocabulary: Vocabulary, _ text: [UInt8]) -> UInt32? {
        guard let id = vocabulary.id(text), vocabulary.isText(id) else { return nil }
        return UInt32(id)
    }
}

/// The scratch memory of `CharacterBPE`.
final class CharacterWords: WordModel {
    static var fusesUnknown: Bool { true }
    let fusedToken: Int32
    private let model: CharacterBPE
    private let merger: PairMerger

    private let isSampled: Bool

    init(_ model: CharacterBPE, dropout: MergeDropout? = nil) {
        self.model = model
        merger = PairMerger(model.merges, dropout: dropout)
        isSampled = dropout != nil
        fusedToken = model.fusesUnknown ? model.unknown.map { Int32($0) } ?? -1 : -1
    }

    var tokens: UnsafeMutablePointer<UInt32> {
        @inline(__always) get { merger.tokens }
    }

    /// With dropout a merge gets another chance after each that is done, so that a piece is not the same as its words.
    @inline(__always)
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        isSampled ? end : model.pairs.wordEnd(p, end)
    }

    @inline(never)
    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        merger.reserve(count)
        if model.ignoresMerges, !isSampled, let whole = model.vocabulary.id(p, count), model.vocabulary.isText(whole) {
            merger.tokens[0] = UInt32(whole)
            return 1
        }
        let tokens = merger.tokens
        var length = 0
        var at = p
        let end = p + count
        while at < end {
            let size = at[0] < 0x80 ? 1 : UTF8Scanning.multibyteScalar(at, end).length
            let token = character(at, size)
            if token != CharacterBPE.missing {
                tokens[length] = token
                length += 1
            } else {
                length += writeUnknown(at, size, length)
            }
            at += size
        }
        length = merger.merge(length)
        return model.strangers.isEmpty ? length : resolveStrangers(length)
    }

    @inline(__always)
    private func character(_ p: UnsafePointer<UInt8>, _ size: Int) -> UInt32 {
        if size == 1, p[0] < 0x80 { return model.asciiTokens.withUnsafeBufferPointer { $0[Int(p[0])] } }
        if let id = model.vocabulary.id(p, size), model.vocabulary.isText(id) { return UInt32(id) }
        if model.strangers.isEmpty { return CharacterBPE.missing }
        return model.strangers[Array(UnsafeBufferPointer(start: p, count: size))] ?? CharacterBPE.missing
    }

    /// Writes what stands for a character that the vocabulary lacks; returns the number of tokens, at most one a byte.
    private func writeUnknown(_ p: UnsafePointer<UInt8>, _ size: Int, _ length: Int) -> Int {
        if let fallback = model.byteFallback {
            for i in 0..<size { merger.tokens[length + i] = fallback.tokens[Int(p[i])] }
            return size
        }
        guard let unknown = model.unknown else { return 0 }
        if model.fusesUnknown, length > 0, merger.tokens[length - 1] == unknown { return 0 }
        merger.tokens[length] = unknown
        return 1
    }

    /// Characters that became part of no token are unknown after all.
    private func resolveStrangers(_ count: Int) -> Int {
        guard (0..<count).contains(where: { Int(merger.tokens[$0]) >= model.vocabulary.count }) else { return count }
        let merged = (0..<count).map { merger.tokens[$0] }
        var length = 0
        for token in merged {
            if Int(token) < model.vocabulary.count {
                merger.tokens[length] = token
                length += 1
            } else if let text = model.strangers.first(where: { $0.value == token })?.key {
                length += text.withUnsafeBufferPointer { writeUnknown($0.baseAddress!, $0.count, length) }
            }
        }
        return length
    }
}
