import ApusBase

/// Byte-pair encoding over bytes (GPT-2 and nearly all decoders since): splits text into pieces and merges their bytes.
struct ByteLevelBPE: Sendable {
    let vocabulary: Vocabulary
    let merges: MergeTable
    let preTokenizer: PreTokenizer
    /// The token of each byte; `missing` for bytes that the vocabulary lacks, which leave no token (as in the reference implementations).
    let byteTokens: [UInt32]
    /// A piece that is itself a token is not built by merges.
    let ignoresMerges: Bool
    static let missing = UInt32.max

    init(
        vocabulary: Vocabulary, merges: StringTable, preTokenizer: PreTokenizer, ignoresMerges: Bool, unknown: Int?, subject: String
    ) throws(InputError) {
        self.vocabulary = vocabulary
        self.merges = try MergeTable(merges, vocabulary, subject: subject)
        self.preTokenizer = preTokenizer
        self.ignoresMerges = ignoresMerges
        byteTokens = (0..<256).map { byte in
            var text: [UInt8] = []
            ByteAlphabet.append(UInt8(byte), to: &text)
            return (vocabulary.id(text) ?? unknown).map { UInt32($0) } ?? Self.missing
        }
        guard byteTokens.contains(where: { $0 != Self.missing }) else {
            throw InputError(subject, "the vocabulary has no token for any byte, so it is not that of a byte-level BPE")
        }
    }
}

/// The scratch memory of one call of `Tokenizer.encode`: it belongs to one thread.
final class ByteLevelEncoder {
    private let model: ByteLevelBPE
    private let merger: PairMerger
    private let cache: WordCache
    @exclusivity(unchecked) private var splitter: PieceSplitter
    private let text = TextClassifier()
    @exclusivity(unchecked) private var spelled: [UInt8] = []
    // One thread owns the encoder, so exclusive access needs no check at run time.
    @exclusivity(unchecked) private var output: UnsafeMutablePointer<Int32>
    @exclusivity(unchecked) private var outputCapacity: Int
    @exclusivity(unchecked) private var outputCount = 0

    init(_ model: ByteLevelBPE, byteCount: Int) {
        self.model = model
        merger = PairMerger(model.merges)
        cache = WordCache(forText: byteCount)
        splitter = PieceSplitter(model.preTokenizer)
        outputCapacity = byteCount / 3 + 64
        output = .allocate(capacity: outputCapacity)
    }

    deinit { output.deallocate() }

    var tokens: [Int32] { Array(UnsafeBufferPointer(start: output, count: outputCount)) }

    func append(_ token: Int32) {
        reserve(1)
        output[outputCount] = token
        outputCount += 1
    }

    @inline(__always)
    private func reserve(_ count: Int) {
        if outputCount + count > outputCapacity { grow(by: count) }
    }

    @inline(never)
    private func grow(by count: Int) {
        outputCapacity = outputCapacity + outputCapacity / 2 + count
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: outputCapacity)
        larger.update(from: output, count: outputCount)
        output.deallocate()
        output = larger
    }

    /// Appends the tokens of text that holds no special token.
    func encode(_ range: Range<UnsafePointer<UInt8>>) {
        if let scanner = splitter.onlyScanner {
            switch scanner {
            case .gpt2(isolatesNumbers: true): scan(range) { p, end, text in WordScanner.gpt2(p, end, text, true) }
            case .gpt2(isolatesNumbers: false): scan(range) { p, end, text in WordScanner.gpt2(p, end, text, false) }
            case .gpt4(let options): scan(range) { p, end, text in WordScanner.gpt4(p, end, text, options) }
            }
        } else {
            for piece in splitter.pieces(of: range) {
                encodePiece(piece.lowerBound, piece.count, readable: range.upperBound - piece.lowerBound)
            }
        }
    }

    @inline(__always)
    private func scan(
        _ range: Range<UnsafePointer<UInt8>>,
        _ pieceEnd: (UnsafePointer<UInt8>, UnsafePointer<UInt8>, TextClassifier) -> UnsafePointer<UInt8>
    ) {
        var p = range.lowerBound
        let end = range.upperBound
        while p < end {
            let next = pieceEnd(p, end, text)
            encodePiece(p, next - p, readable: end - p)
            p = next
        }
    }

    @inline(__always)
    private func encodePiece(_ p: UnsafePointer<UInt8>, _ count: Int, readable: Int) {
        guard count <= WordCache.longestWord else { return encodeLongPiece(p, count) }
        let key = WordCache.key(p, count, readable: readable)
        let slot = cache.slot(key)
        var cached = cache.count(in: slot, for: key)
        if cached == 0 {
            let merged = merge(p, count)
            guard merged > 0, merged <= WordCache.mostTokens else { return emit(merged) }
            cache.store(key, merger.tokens, merged, in: slot)
            cached = merged
        }
        reserve(WordCache.mostTokens)
        let tokens = cache.tokens(in: slot)
        // All seven are copied: a fixed number of moves costs less than a loop.
        for i in 0..<WordCache.mostTokens { output[outputCount + i] = tokens[i] }
        outputCount += cached
    }

    @inline(never)
    private func encodeLongPiece(_ p: UnsafePointer<UInt8>, _ count: Int) {
        var at = 0
        while at < count {
            let length = min(count - at, PairMerger.longestPiece)
            emit(merge(p + at, length))
            at += length
        }
    }

    private func emit(_ count: Int) {
        reserve(count)
        for i in 0..<count { output[outputCount + i] = Int32(bitPattern: merger.tokens[i]) }
        outputCount += count
    }

    /// Leaves the tokens of a piece in the merger and returns their number.
    @inline(never)
    private func merge(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        merger.reserve(count)
        if model.ignoresMerges, let whole = wholeToken(p, count) {
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
        return spelled.withUnsafeBufferPointer { model.vocabulary.id($0.baseAddress!, $0.count) }
    }
}
