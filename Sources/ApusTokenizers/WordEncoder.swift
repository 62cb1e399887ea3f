/// A model that encodes one word at a time and leaves the tokens in its scratch memory. It belongs to one thread.
protocol WordModel: AnyObject {
    /// Whether unknown characters beside each other become one token although they lie in different words.
    static var fusesUnknown: Bool { get }
    /// The token that is fused, if any.
    var fusedToken: Int32 { get }
    /// The tokens of the word encoded last.
    var tokens: UnsafeMutablePointer<UInt32> { get }
    /// Whether the word encoded last may have other tokens where it stands behind other words of its piece.
    var dependsOnContext: Bool { get }
    /// To be called before the first word of a piece.
    func startPiece()
    /// Where the word ends that starts at `p`: no token reaches over it. Words over `PairMerger.longestPiece` are not asked for.
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>
    /// Encodes a word and returns the number of its tokens.
    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int
}

extension WordModel {
    var dependsOnContext: Bool {
        @inline(__always) get { false }
    }

    @inline(__always) func startPiece() {}
}

/// What a call of `Tokenizer.encode` drives, whatever the model is.
protocol PieceEncoder: AnyObject {
    var output: TokenBuffer { get set }
    /// Appends the tokens of a piece of text, after which memory can be read up to `readableEnd`.
    func encode(_ piece: Range<UnsafePointer<UInt8>>, readableEnd: UnsafePointer<UInt8>)
}

/// Encodes pieces word by word and remembers short words: the scratch memory of one call, of one thread.
final class WordEncoder<Model: WordModel>: PieceEncoder {
    // One thread owns the encoder, so exclusive access needs no check at run time.
    @exclusivity(unchecked) var output: TokenBuffer
    private let model: Model
    private let cache: WordCache
    @exclusivity(unchecked) private var pieceStart = 0

    init(_ model: Model, byteCount: Int) {
        self.model = model
        cache = WordCache(forText: byteCount)
        output = TokenBuffer(capacity: byteCount / 3 + 64)
    }

    deinit { output.deallocate() }

    func encode(_ piece: Range<UnsafePointer<UInt8>>, readableEnd: UnsafePointer<UInt8>) {
        scan(piece, readableEnd) { [model] p, end in model.wordEnd(p, end) }
    }

    /// The same, with the words' ends given by a closure that is inlined.
    @inline(__always)
    func scan(
        _ piece: Range<UnsafePointer<UInt8>>, _ readableEnd: UnsafePointer<UInt8>,
        _ wordEnd: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> UnsafePointer<UInt8>
    ) {
        pieceStart = output.count
        var p = piece.lowerBound
        let end = piece.upperBound
        while p < end {
            let next = wordEnd(p, end)
            guard encodeWord(p, next - p, readable: readableEnd - p) || p == piece.lowerBound else {
                // All words of the piece are one then.
                output.truncate(to: pieceStart)
                encodeLongWord(piece.lowerBound, piece.count)
                return
            }
            p = next
        }
    }

    /// Returns whether the word's tokens are right whatever stands before it.
    @inline(__always)
    private func encodeWord(_ p: UnsafePointer<UInt8>, _ count: Int, readable: Int) -> Bool {
        guard count <= WordCache.longestWord else { return encodeLongWord(p, count) }
        let key = WordCache.key(p, count, readable: readable)
        let slot = cache.slot(key)
        var cached = cache.count(in: slot, for: key)
        if cached == 0 {
            let encoded = model.encode(p, count)
            guard encoded > 0, encoded <= WordCache.mostTokens, !model.dependsOnContext else {
                append(model.tokens, encoded)
                return !model.dependsOnContext
            }
            cache.store(key, model.tokens, encoded, in: slot)
            cached = encoded
        }
        output.reserve(WordCache.mostTokens)
        let tokens = cache.tokens(in: slot)
        if Model.fusesUnknown, isFused(tokens[0]) {
            appendFused(tokens, cached)
            return true
        }
        // All seven are copied: a fixed number of moves costs less than a loop.
        let target = output.tokens + output.count
        for i in 0..<WordCache.mostTokens { target[i] = tokens[i] }
        output.advance(by: cached)
        return true
    }

    @inline(never) @discardableResult
    private func encodeLongWord(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var at = 0
        var isIndependent = true
        while at < count {
            let length = min(count - at, PairMerger.longestPiece)
            let encoded = model.encode(p + at, length)
            append(model.tokens, encoded)
            isIndependent = isIndependent && !model.dependsOnContext
            at += length
        }
        return isIndependent
    }

    private func append(_ tokens: UnsafePointer<UInt32>, _ count: Int) {
        guard Model.fusesUnknown, count > 0, isFused(Int32(bitPattern: tokens[0])) else { return output.append(tokens, count) }
        output.append(tokens + 1, count - 1)
    }

    @inline(__always)
    private func isFused(_ token: Int32) -> Bool {
        token == model.fusedToken && output.count > pieceStart && output.tokens[output.count - 1] == token
    }

    @inline(never)
    private func appendFused(_ tokens: UnsafePointer<Int32>, _ count: Int) {
        for i in 1..<max(1, count) { output.append(tokens[i]) }
    }
}
