import ApusBase
import Glibc
import Synchronization

/// Files of text that a tokenizer is trained on, line by line. Several threads read them, a stretch at a time.
struct TrainingCorpus: Sendable {
    private let files: [FileReader]
    private static let stretch = 1 << 20

    /// - Throws: an `InputError` for a file that cannot be opened.
    init(paths: [String]) throws(InputError) {
        var files: [FileReader] = []
        for path in paths { files.append(try FileReader(path: path)) }
        self.files = files
    }

    /// What the threads share.
    private final class Progress: Sendable {
        let failure = Mutex<InputError?>(nil)
        let counts: Mutex<[WordCounts]> = Mutex([])
    }

    /// Counts the words of all lines, each of which is normalised and split on its own.
    ///
    /// - Throws: an `InputError` for a file that cannot be read or is not UTF-8.
    func countWords(_ normalizer: Normalizer, _ preTokenizer: PreTokenizer, threads: Int) throws(InputError) -> WordCounts {
        let stretches = files.flatMap { file in
            stride(from: 0, to: file.byteCount, by: Self.stretch).map { (file, $0..<min($0 + Self.stretch, file.byteCount)) }
        }
        let queue = WorkQueue(stretches)
        let progress = Progress()
        WorkerThreads.run(min(threads, max(1, stretches.count))) { _ in
            var counter = LineCounter(normalizer, preTokenizer)
            while let (file, range) = queue.next() {
                do throws(InputError) { try Self.count(file, range, &counter) } catch {
                    progress.failure.withLock { $0 = $0 ?? error }
                    queue.stop()
                }
            }
            progress.counts.withLock { $0.append(counter.counts) }
        }
        if let failure = progress.failure.withLock({ $0 }) { throw failure }
        // The most words come first: the fewest are then counted again.
        let all = progress.counts.withLock { $0 }.sorted { $0.count > $1.count }
        for other in all.dropFirst() { all[0].add(other) }
        return all[0]
    }

    /// Counts the lines that start in a range of a file.
    private static func count(_ file: FileReader, _ range: Range<Int>, _ counter: inout LineCounter) throws(InputError) {
        // The byte before tells whether a line starts with the range.
        let start = max(0, range.lowerBound - 1)
        var bytes = try file.bytes(at: start, count: range.upperBound - start)
        var first = 0
        if range.lowerBound > 0 {
            guard let end = bytes.dropLast().firstIndex(of: 0x0A) else { return }
            first = end + 1
        }
        var more = 1 << 12
        while bytes.last != 0x0A, start + bytes.count < file.byteCount {
            let next = try file.bytes(at: start + bytes.count, count: min(more, file.byteCount - start - bytes.count))
            if let end = next.firstIndex(of: 0x0A) {
                bytes += next[...end]
                break
            }
            bytes += next
            more *= 2
        }
        let invalid = bytes.withUnsafeBufferPointer { bytes -> Int? in
            let text = UnsafeBufferPointer(rebasing: bytes[first...])
            if let invalid = UTF8Scanning.firstInvalid(text) { return start + first + invalid }
            counter.count(text)
            return nil
        }
        if let invalid {
            throw InputError(file.path, at: "byte \(invalid)", "is not UTF-8", remedy: "give files of text in UTF-8")
        }
    }
}

/// Splits lines and counts their words; it belongs to one thread.
private struct LineCounter {
    let counts = WordCounts()
    private let normalizer: Normalizer
    private var splitter: PieceSplitter
    private let text = TextClassifier()

    init(_ normalizer: Normalizer, _ preTokenizer: PreTokenizer) {
        self.normalizer = normalizer
        splitter = PieceSplitter(preTokenizer)
    }

    mutating func count(_ lines: UnsafeBufferPointer<UInt8>) {
        guard var p = lines.baseAddress else { return }
        let end = p + lines.count
        while p < end {
            let found = memchr(p, 0x0A, end - p)
            let next = found.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) + 1 } ?? end
            if let changed = normalizer.normalized(UnsafeBufferPointer(start: p, count: next - p), isFirst: true) {
                changed.withUnsafeBufferPointer { if let base = $0.baseAddress { countWords(base..<base + $0.count) } }
            } else {
                countWords(p..<next)
            }
            p = next
        }
    }

    private mutating func countWords(_ line: Range<UnsafePointer<UInt8>>) {
        guard case .gpt2(isolatesNumbers: false)? = splitter.onlyScanner else {
            return splitter.forEachPiece(of: line, isFirst: true) { [counts] piece, _ in counts.add(piece.lowerBound, piece.count) }
        }
        // The words of byte-level BPE go straight from the scanner to the table.
        var p = line.lowerBound
        while p < line.upperBound {
            let next = WordScanner.gpt2(p, line.upperBound, text, false)
            counts.add(p, next - p)
            p = next
        }
    }
}
