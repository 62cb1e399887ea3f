/// Finds the tokens that are matched in text before anything else: the leftmost, of those the longest. What matches but does not count, since
/// it stands in a word or is special and not asked for, is text as a whole, with all that lies in it, as in Hugging Face tokenizers.
struct SpecialTokens: Sendable {
    /// How a token is matched (the fields of an added token in `tokenizer.json`).
    struct Entry: Sendable {
        var id: Int32
        var text: [UInt8]
        /// Text that a user types stays text unless special tokens are asked for.
        var isSpecial: Bool
        /// White space around the token belongs to it.
        var stripsLeft = false
        var stripsRight = false
        /// Matches only where no word character adjoins.
        var isWholeWord = false
    }

    struct Match {
        /// With the white space around the token that belongs to it.
        var range: Range<UnsafePointer<UInt8>>
        /// Where the token itself ends, and the search goes on.
        var end: UnsafePointer<UInt8>
        var id: Int32
    }

    private struct Node {
        var byte: UInt8
        var firstChild: Int32 = -1
        var nextSibling: Int32 = -1
        var entry: Int32 = -1
    }

    private(set) var entries: [Entry] = []
    private var nodes: [Node] = []
    /// The root's children by byte, or -1.
    private var roots = Array(repeating: Int32(-1), count: 256)
    private(set) var hasPlainEntries = false

    init(_ entries: [Entry]) {
        for entry in entries where !entry.text.isEmpty { add(entry) }
    }

    private mutating func add(_ entry: Entry) {
        let first = Int(entry.text[0])
        if roots[first] < 0 {
            roots[first] = Int32(nodes.count)
            nodes.append(Node(byte: entry.text[0]))
        }
        var node = Int(roots[first])
        for byte in entry.text.dropFirst() { node = child(of: node, byte) ?? addChild(of: node, byte) }
        // Of equal texts the first one counts.
        if nodes[node].entry < 0 { nodes[node].entry = Int32(entries.count) }
        entries.append(entry)
        if !entry.isSpecial { hasPlainEntries = true }
    }

    private func child(of node: Int, _ byte: UInt8) -> Int? {
        var child = nodes[node].firstChild
        while child >= 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].nextSibling }
        return child >= 0 ? Int(child) : nil
    }

    private mutating func addChild(of node: Int, _ byte: UInt8) -> Int {
        nodes.append(Node(byte: byte, nextSibling: nodes[node].firstChild))
        nodes[node].firstChild = Int32(nodes.count - 1)
        return nodes.count - 1
    }

    /// The next token in `p..<end`; of the special ones only when `parsingSpecial`.
    ///
    /// - Parameters:
    ///   - start: where the text starts.
    ///   - free: what lies before belongs to the token before.
    func find(
        from p: UnsafePointer<UInt8>, after free: UnsafePointer<UInt8>, in start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, parsingSpecial: Bool
    ) -> Match? {
        guard parsingSpecial ? !entries.isEmpty : hasPlainEntries else { return nil }
        var at = p
        while at < end {
            guard roots[Int(at[0])] >= 0, let (entry, stop) = longest(at, end) else {
                at += 1
                continue
            }
            if parsingSpecial || !entry.isSpecial, !entry.isWholeWord || standsAlone(at..<stop, start, end) {
                return Match(range: stripped(at..<stop, entry, from: free, end), end: stop, id: entry.id)
            }
            at = stop
        }
        return nil
    }

    /// Whether a token may start with this byte.
    func starts(with byte: UInt8) -> Bool { roots[Int(byte)] >= 0 }

    /// The length of the longest token that starts at `p`, or nil.
    func length(at p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Int? {
        guard roots[Int(p[0])] >= 0, let (_, stop) = longest(p, end) else { return nil }
        return stop - p
    }

    /// The longest token that starts at `p`, whose first byte one of them has, and where it ends.
    private func longest(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (Entry, UnsafePointer<UInt8>)? {
        var node: Int? = Int(roots[Int(p[0])])
        var stop = p + 1
        var found: (Int, UnsafePointer<UInt8>)?
        while let current = node {
            if nodes[current].entry >= 0 { found = (Int(nodes[current].entry), stop) }
            guard stop < end else { break }
            node = child(of: current, stop[0])
            stop += 1
        }
        return found.map { (entries[$0], $1) }
    }

    private func standsAlone(_ range: Range<UnsafePointer<UInt8>>, _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
        let (low, high) = (range.lowerBound, range.upperBound)
        func isWord(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
            TextClasses.shared.has(UTF8Scanning.scalar(p, end).value, .word)
        }
        if low > start, isWord(low - UTF8Scanning.lengthBefore(low, start), low) { return false }
        return high >= end || !isWord(high, end)
    }

    private func stripped(
        _ range: Range<UnsafePointer<UInt8>>, _ entry: Entry, from free: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) -> Range<UnsafePointer<UInt8>> {
        let text = TextClassifier()
        var (low, high) = (range.lowerBound, range.upperBound)
        while entry.stripsLeft, low > free {
            let length = UTF8Scanning.lengthBefore(low, free)
            guard CategorySet.whiteSpace.has(text.item(low - length, low).category) else { break }
            low -= length
        }
        if entry.stripsRight { high = text.run(of: .whiteSpace, high, end) }
        return low..<high
    }
}
