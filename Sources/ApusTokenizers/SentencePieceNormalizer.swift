/// SentencePiece's normaliser: the table of replacements, white space, and the mark U+2581 for spaces.
struct SentencePieceNormalizer: Sendable {
    /// Where a space is added before the text.
    enum Prefix: Sendable {
        case none
        /// Before the whole text.
        case once
        /// Before the text and each stretch of it after a special token, as in llama.cpp.
        case afterSpecial
    }

    var charsMap: PrecompiledCharsMap?
    var prefix = Prefix.once
    var removesExtraSpaces = true
    var escapesSpaces = true
    /// The added space goes behind the text instead.
    var spaceIsSuffix = false
    /// Tokens that are left as they are.
    var protected: SpecialTokens?
    /// Bytes that are no UTF-8 become U+FFFD.
    var replacesInvalid = true

    static let mark: [UInt8] = Array("▁".utf8)

    /// - Parameter isFirst: whether the text is the beginning of what is encoded.
    func normalized(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) -> [UInt8] {
        guard let start = text.baseAddress, !text.isEmpty else { return [] }
        let end = start + text.count
        var p = start
        if removesExtraSpaces {
            while p < end {
                let (piece, length) = piece(p, end)
                guard piece.elementsEqual([0x20]) else { break }
                p += length
            }
            if p == end { return [] }
        }
        let addsSpace = prefix == .afterSpecial || prefix == .once && isFirst
        let space = escapesSpaces ? Self.mark : [0x20]
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 2 + 8)
        if addsSpace, !spaceIsSuffix { result += space }
        var lastIsSpace = removesExtraSpaces
        let plain = plainBytes
        while p < end {
            // Most bytes are not touched.
            if plain[Int(p[0])] {
                result.append(p[0])
                p += 1
                lastIsSpace = false
                continue
            }
            let (piece, length) = piece(p, end)
            p += length
            var rest = piece[...]
            while lastIsSpace, rest.first == 0x20 { rest = rest.dropFirst() }
            for byte in rest { if byte == 0x20 { result += space } else { result.append(byte) } }
            if let last = rest.last { lastIsSpace = removesExtraSpaces && last == 0x20 }
        }
        if removesExtraSpaces { while result.count >= space.count, result.suffix(space.count).elementsEqual(space) { result.removeLast(space.count) } }
        if addsSpace, spaceIsSuffix { result += space }
        return result
    }

    /// ASCII characters that nothing starts with: no space, replacement or protected token.
    private var plainBytes: [Bool] {
        (0..<256).map { byte in byte < 0x80 && byte != 0x20 && charsMap?.leaves(UInt8(byte)) != false && protected?.starts(with: UInt8(byte)) != true }
    }

    private static let replacementBytes: StaticString = "\u{FFFD}"

    /// What stands for the next characters, and how many bytes those have.
    private func piece(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (UnsafeBufferPointer<UInt8>, Int) {
        if let length = protected?.length(at: p, end) { return (UnsafeBufferPointer(start: p, count: length), length) }
        if let match = charsMap?.match(p, end, longest: true) { return (match.text, match.length) }
        let scalar = UTF8Scanning.scalar(p, end)
        if replacesInvalid, scalar.length == 1, p[0] >= 0x80 {
            return (UnsafeBufferPointer(start: Self.replacementBytes.utf8Start, count: Self.replacementBytes.utf8CodeUnitCount), 1)
        }
        return (UnsafeBufferPointer(start: p, count: scalar.length), scalar.length)
    }
}
