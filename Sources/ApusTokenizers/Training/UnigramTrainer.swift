import Glibc
import Synchronization

/// Learns the pieces of a unigram language model and their scores (Kudo 2018): from many substrings, by expectation and maximisation, taking
/// off a quarter at a time of those that the likelihood of the text needs least.
///
/// The steps and constants are SentencePiece's, so that the models are as good; they are not the same to the last piece, since the
/// first substrings differ at the ends of words.
final class UnigramTrainer {
    private static let mostSubstrings = 1_000_000
    private static let roundsBetweenPruning = 2
    private static let keptShare = 0.75
    /// Pieces that are expected less often go.
    private static let leastExpected = 0.5
    /// Sums are added up in this many parts whatever the number of threads, so that results are equal.
    private static let partCount = 16

    /// The characters of all words, one after the other.
    private let text: [UInt32]
    private let parts: [Range<Int>]
    private let threads: Int
    private let lattices: PieceLattices
    private var pieces: PieceLattices.Pieces
    /// The number of different characters, which all are pieces.
    let characterCount: Int

    init(_ words: WordCounts, threads: Int) {
        self.threads = threads
        var text: [UInt32] = []
        var rooms: [UInt8] = []
        var wordStarts = [0]
        var counts: [Int] = []
        var wordOf: [UInt32] = []
        for word in words.sorted() {
            text += String(decoding: words.text(word), as: UTF8.self).unicodeScalars.lazy.map(\.value)
            let length = text.count - wordStarts.last!
            for i in 0..<length { rooms.append(UInt8(min(length - i, FrequentSubstrings.longest))) }
            wordOf += repeatElement(UInt32(counts.count), count: length)
            wordStarts.append(text.count)
            counts.append(words.occurrences(word))
        }
        let substrings = FrequentSubstrings(text, rooms, weights: { counts[Int(wordOf[$0])] }, limit: Self.mostSubstrings, threads: threads)

        var numbers: [UInt32: UInt32] = [:]
        var frequencies: [Int] = []
        pieces = PieceLattices.Pieces()
        var characters: [UInt32] = []
        characters.reserveCapacity(text.count)
        for (place, character) in text.enumerated() {
            if numbers[character] == nil {
                numbers[character] = UInt32(frequencies.count)
                frequencies.append(0)
                pieces.lengths.append(1)
                pieces.places.append(UInt32(place))
            }
            characters.append(numbers[character]!)
            frequencies[Int(characters[place])] += counts[Int(wordOf[place])]
        }
        characterCount = frequencies.count
        for substring in substrings.substrings {
            pieces.lengths.append(UInt8(substring.length))
            pieces.places.append(substrings.suffixes[substring.first])
            frequencies.append(substring.score)
        }
        let total = log(Double(frequencies.reduce(0, +)))
        pieces.scores = frequencies.map { log(Double($0)) - total }
        lattices = PieceLattices(
            wordStarts: wordStarts, counts: counts, characters: characters, substrings: substrings, firstPiece: characterCount)
        parts = Self.parts(wordStarts)
        self.text = text
    }

    /// Ranges of words with about as many characters each.
    private static func parts(_ wordStarts: [Int]) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        for part in 1...partCount {
            var end = start
            while end < wordStarts.count - 1, wordStarts[end + 1] <= wordStarts.last! * part / partCount { end += 1 }
            parts.append(start..<end)
            start = end
        }
        return parts
    }

    /// Learns `size` pieces, or as many as the text gives.
    ///
    /// - Parameter taken: texts that are tokens already.
    /// - Returns: texts and scores (logarithms of probabilities), the highest first.
    func train(size: Int, without taken: Set<String>) -> [(String, Double)] {
        // A tenth more, of which the best are taken at last.
        let enough = max(size * 11 / 10, characterCount)
        while true {
            for _ in 0..<Self.roundsBetweenPruning { improve() }
            if pieces.count <= enough { break }
            prune(to: max(enough, Int(Self.keptShare * Double(pieces.count))))
        }
        let all = pieces.lengths.indices.map { piece -> (text: String, score: Double, isCharacter: Bool) in
            let place = Int(pieces.places[piece]), length = Int(pieces.lengths[piece])
            let scalars = text[place..<place + length].lazy.map { Unicode.Scalar($0)! }
            return (String(String.UnicodeScalarView(scalars)), pieces.scores[piece], length == 1)
        }
        let ordered = all.filter { !taken.contains($0.text) }.sorted {
            $0.score != $1.score ? $0.score > $1.score : $0.text.unicodeScalars.lexicographicallyPrecedes($1.text.unicodeScalars)
        }
        var room = size - ordered.count(where: \.isCharacter)
        return ordered.compactMap { piece in
            if !piece.isCharacter {
                guard room > 0 else { return nil }
                room -= 1
            }
            return (piece.text, piece.score)
        }
    }

    // MARK: Steps

    private final class PartSums: Sendable {
        let results: Mutex<[[Double]]>
        init(count: Int) { results = Mutex(Array(repeating: [], count: count)) }
    }

    /// Adds up what `body` gives for each part of the words.
    private func sums(_ body: @escaping @Sendable (Range<Int>) -> [Double]) -> [Double] {
        let queue = WorkQueue(Array(parts.enumerated())), sums = PartSums(count: parts.count)
        WorkerThreads.run(threads) { _ in
            while let part = queue.next() {
                let result = body(part.element)
                sums.results.withLock { $0[part.offset] = result }
            }
        }
        var total = Array(repeating: 0.0, count: pieces.count)
        for part in sums.results.withLock({ $0 }) { for (piece, value) in part.enumerated() { total[piece] += value } }
        return total
    }

    /// One round of expectation and maximisation; the digamma function in place of the logarithm favours few pieces (variational Bayes).
    private func improve() {
        let probabilities = pieces.scores.map { exp($0) }
        let expected = sums { [lattices, pieces] in lattices.expectedCounts($0, pieces, probabilities: probabilities) }
        let isKept = pieces.lengths.indices.map { pieces.lengths[$0] == 1 || expected[$0] >= Self.leastExpected }
        let kept = expected.indices.filter { isKept[$0] }.map { max(expected[$0], Self.leastExpected) }
        keep(isKept)
        let total = Self.digamma(kept.reduce(0, +))
        pieces.scores = kept.map { Self.digamma($0) - total }
    }

    /// Takes off pieces that the likelihood loses least without, but for those that nothing else can stand for.
    private func prune(to size: Int) {
        let counts = sums { [lattices, pieces] in lattices.bestCounts($0, pieces) }
        let total = counts.reduce(0, +), logTotal = log(total)
        var isKept = Array(repeating: false, count: pieces.count)
        var candidates: [(piece: Int, loss: Double)] = []
        for piece in counts.indices {
            guard let alternative = lattices.alternative(to: piece, pieces) else {
                isKept[piece] = true
                continue
            }
            guard counts[piece] > 0, !alternative.isBetter else { continue }
            // Without the piece its occurrences go to those of the alternative.
            let newLogTotal = log(total + counts[piece] * Double(alternative.pieces.count - 1))
            let rest = alternative.pieces.reduce(0.0) { $0 + log(counts[Int($1)] + counts[piece]) - newLogTotal }
            candidates.append((piece, counts[piece] / total * (log(counts[piece]) - logTotal - rest)))
        }
        candidates.sort { $0.loss != $1.loss ? $0.loss > $1.loss : $0.piece < $1.piece }
        for candidate in candidates.prefix(max(0, size - isKept.count(where: { $0 }))) { isKept[candidate.piece] = true }
        keep(isKept)
    }

    private func keep(_ isKept: [Bool]) {
        var next: UInt32 = 0
        lattices.keep(
            isKept.map { isKept in
                defer { if isKept { next += 1 } }
                return isKept ? next : .max
            })
        let kept = isKept.indices.filter { isKept[$0] }
        pieces = PieceLattices.Pieces(
            lengths: kept.map { pieces.lengths[$0] }, places: kept.map { pieces.places[$0] }, scores: kept.map { pieces.scores[$0] })
    }

    /// The derivative of the logarithm of the gamma function, by its recurrence and asymptotic series.
    private static func digamma(_ value: Double) -> Double {
        var (x, result) = (value, 0.0)
        while x < 7 {
            result -= 1 / x
            x += 1
        }
        let inverse = 1 / (x * x)
        return result + log(x) - 0.5 / x - inverse * (1 / 12.0 - inverse * (1 / 120.0 - inverse * (1 / 252.0 - inverse / 240)))
    }
}
