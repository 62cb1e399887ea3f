import ApusBase

/// The unigram language model (Kudo 2018): the tokens whose scores add up to most.
struct Unigram: Sendable {
    /// How scores are added up, which decides between segmentations that are nearly as good.
    enum Sums: Sendable {
        /// Doubles, anew for each word (Hugging Face, llama.cpp).
        case perWord
        /// Floats from the start of the text on, as SentencePiece adds them.
        case running
    }

    let trie: TokenTrie
    let pairs: AdjacentPairs
    let scores: [Double]
    let unknownScore: Double
    let unknown: UInt32
    /// Without it unknown characters beside each other become one unknown token.
    let byteFallback: ByteFallback?
    let sums: Sums

    /// - Parameter userDefinedScore: the score of user-defined tokens by their length in bytes.
    init(
        vocabulary: Vocabulary, scores: [Double], unknown: Int?, byteFallback: ByteFallback?, sums: Sums,
        userDefinedScore: (Int) -> Double?, subject: String
    ) throws(InputError) {
        guard scores.count == vocabulary.count else {
            throw InputError(subject, "\(scores.count) scores for \(vocabulary.count) tokens; there must be one each")
        }
        guard let unknown else { throw InputError(subject, "a unigram vocabulary must name its unknown token") }
        self.unknown = UInt32(unknown)
        self.sums = sums
        self.byteFallback = byteFallback
        let trie = TokenTrie(expectedByteCount: vocabulary.byteCount)
        var all = scores
        var lowest = Double.infinity
        for id in 0..<vocabulary.count {
            guard scores[id].isFinite else { throw InputError(subject, at: "token \(id)", "its score must be a finite number") }
            switch vocabulary.kinds[id] {
            case .normal:
                lowest = min(lowest, scores[id])
            case .userDefined:
                if let score = userDefinedScore(vocabulary.text(id).count) { all[id] = score }
            case .undefined, .unknown, .control, .unused, .byte: continue
            }
            try trie.insert(vocabulary.text(id), id, subject: subject)
        }
        self.trie = trie
        self.scores = all
        // SentencePiece computes with floats here as well.
        unknownScore = sums == .running ? Double(Float(lowest) - 10) : lowest - 10
        pairs = AdjacentPairs(vocabulary) { vocabulary.kinds[$0] == .normal || vocabulary.kinds[$0] == .userDefined }
    }
}

/// The scratch memory of `Unigram`.
final class UnigramWords: WordModel {
    static var fusesUnknown: Bool { true }
    let fusedToken: Int32
    private let model: Unigram
    @exclusivity(unchecked) private(set) var tokens: UnsafeMutablePointer<UInt32>
    @exclusivity(unchecked) private var best: UnsafeMutablePointer<Step>
    @exclusivity(unchecked) private var capacity = 64
    /// Two ways are as good but for rounding, which depends on the sum that they start from.
    @exclusivity(unchecked) private(set) var dependsOnContext = false
    /// More than rounding adds up to, in sums of some million.
    private static let tie = 1e-7

    /// The best way to an end: the score, the token that ends there and where it starts.
    private struct Step {
        var score: Double
        var token: UInt32
        var start: Int32
    }

    init(_ model: Unigram) {
        self.model = model
        tokens = .allocate(capacity: capacity)
        best = .allocate(capacity: capacity + 1)
        fusedToken = model.byteFallback == nil ? Int32(model.unknown) : -1
    }

    deinit {
        tokens.deallocate()
        best.deallocate()
    }

    @inline(__always)
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> { model.pairs.wordEnd(p, end) }

    private func reserve(_ count: Int) {
        guard count > capacity else { return }
        tokens.deallocate()
        best.deallocate()
        capacity = max(count, 2 * capacity)
        tokens = .allocate(capacity: capacity)
        best = .allocate(capacity: capacity + 1)
    }

    @inline(never)
    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        reserve(count)
        dependsOnContext = false
        model.scores.withUnsafeBufferPointer { scores in
            search(p, count, scores) { score, sum in score + sum }
        }
        return backtrack(p, count)
    }

    /// The same with floats, from the sum so far on; returns the new sum.
    func encode(_ p: UnsafePointer<UInt8>, _ count: Int, from sum: inout Float) -> Int {
        reserve(count)
        best[0].score = Double(sum)
        model.scores.withUnsafeBufferPointer { scores in searchRunning(p, count, scores) }
        sum = Float(best[count].score)
        return backtrack(p, count)
    }

    @inline(__always)
    private func search(_ p: UnsafePointer<UInt8>, _ count: Int, _ scores: UnsafeBufferPointer<Double>, _ sum: (Double, Double) -> Double) {
        best[0].score = 0
        for i in 1...count { best[i].start = -1 }
        var at = 0
        while at < count {
            extend(p, count, at, best[at].score, scores, sum)
            at += Self.length(p, at, count)
        }
    }

    private func searchRunning(_ p: UnsafePointer<UInt8>, _ count: Int, _ scores: UnsafeBufferPointer<Double>) {
        let limit = 100_000.0
        for i in 1...count { best[i].start = -1 }
        var at = 0
        while at < count {
            let reached = best[at].score
            // Sums are kept small: SentencePiece takes off what is common to all ways on.
            if reached < -limit || reached > limit {
                best[at].score = 0
                for i in at + 1..<count + 1 where best[i].start >= 0 { best[i].score = Double(Float(best[i].score) - Float(reached)) }
            }
            extend(p, count, at, best[at].score, scores) { score, sum in Double(Float(score) + Float(sum)) }
            at += Self.length(p, at, count)
        }
    }

    /// Tries all tokens that start at `at`.
    @inline(__always)
    private func extend(
        _ p: UnsafePointer<UInt8>, _ count: Int, _ at: Int, _ reached: Double, _ scores: UnsafeBufferPointer<Double>, _ sum: (Double, Double) -> Double
    ) {
        let single = at + Self.length(p, at, count)
        var hasSingle = false
        var node = TokenTrie.root
        var end = at
        while end < count {
            node = model.trie.step(node, p[end])
            if node == TokenTrie.nowhere { break }
            end += 1
            let id = model.trie.id(at: node)
            guard id >= 0 else { continue }
            let score = sum(scores[Int(id)], reached)
            offer(Step(score: score, token: UInt32(id), start: Int32(at)), end)
            if end == single { hasSingle = true }
        }
        if !hasSingle {
            let score = sum(model.unknownScore, reached)
            offer(Step(score: score, token: model.unknown, start: Int32(at)), single)
        }
    }

    /// Takes a way to `end` that is better than those before.
    @inline(__always)
    private func offer(_ step: Step, _ end: Int) {
        if best[end].start < 0 {
            best[end] = step
        } else {
            let gain = step.score - best[end].score
            if abs(gain) < Self.tie { dependsOnContext = true }
            if gain > 0 { best[end] = step }
        }
    }

    /// The length of the character at `at`.
    @inline(__always)
    private static func length(_ p: UnsafePointer<UInt8>, _ at: Int, _ count: Int) -> Int {
        p[at] < 0x80 ? 1 : UTF8Scanning.multibyteScalar(p + at, p + count).length
    }

    private func backtrack(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        // Written from the back; there are at most as many tokens as bytes.
        var first = count
        var end = count
        while end > 0 {
            let step = best[end]
            let start = Int(step.start)
            if step.token != model.unknown {
                first -= 1
                tokens[first] = step.token
            } else if let fallback = model.byteFallback {
                for i in (start..<end).reversed() {
                    first -= 1
                    tokens[first] = fallback.tokens[Int(p[i])]
                }
            } else if first == count || tokens[first] != model.unknown {
                first -= 1
                tokens[first] = model.unknown
            }
            end = start
        }
        for i in first..<count { tokens[i - first] = tokens[i] }
        return count - first
    }
}

/// The same with running sums, so that no word has the same tokens everywhere.
final class RunningUnigramWords: WordModel {
    static var fusesUnknown: Bool { true }
    private let words: UnigramWords
    /// Of the piece so far.
    @exclusivity(unchecked) private var sum: Float = 0

    init(_ model: Unigram) { words = UnigramWords(model) }

    var fusedToken: Int32 { words.fusedToken }

    var tokens: UnsafeMutablePointer<UInt32> {
        @inline(__always) get { words.tokens }
    }

    func startPiece() { sum = 0 }

    @inline(__always)
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> { words.wordEnd(p, end) }

    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int { words.encode(p, count, from: &sum) }
}
