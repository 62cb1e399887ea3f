import ApusBase

/// SentencePiece's compiled table of text replacements: a double array over bytes (darts-clone) and the texts it points to.
/// Immutable after its initialiser.
final class PrecompiledCharsMap: @unchecked Sendable {
    /// What the table was made of.
    let bytes: [UInt8]
    private let units: UnsafeMutablePointer<UInt32>
    private let unitCount: Int
    /// The replacements, each ended by a zero byte.
    private let texts: UnsafeMutablePointer<UInt8>
    private let textCount: Int

    struct Match {
        /// Bytes that are replaced.
        var length: Int
        /// The replacement, which lives as long as the table.
        var text: UnsafeBufferPointer<UInt8>
    }

    /// - Throws: an `InputError` for a table that is cut, or whose last text is not ended.
    init(_ bytes: [UInt8], subject: String) throws(InputError) {
        func error(_ rule: String) -> InputError { InputError(subject, at: "precompiled_charsmap", rule) }
        guard bytes.count > 4 else { throw error("must be longer than its header of 4 bytes") }
        let size = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        guard size % 4 == 0, size > 0, size + 4 < bytes.count else {
            throw error("its tree of \(size) bytes must be made of units of 4 and leave room for texts in \(bytes.count) bytes")
        }
        guard bytes[bytes.count - 1] == 0 else { throw error("its last text must end with a zero byte") }
        self.bytes = bytes
        unitCount = size / 4
        units = .allocate(capacity: unitCount)
        for unit in 0..<unitCount { units[unit] = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 + 4 * unit + $1]) << UInt32(8 * $1) } }
        textCount = bytes.count - size - 4
        texts = .allocate(capacity: textCount)
        for i in 0..<textCount { texts[i] = bytes[size + 4 + i] }
    }

    deinit {
        units.deallocate()
        texts.deallocate()
    }

    private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }

    /// The replacement of the longest beginning of a text, or of the shortest.
    @inline(__always)
    func match(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, longest: Bool) -> Match? {
        var found: Match?
        var node = Self.offset(units[0])
        var at = p
        while at < end, at[0] != 0 {
            node ^= Int(at[0])
            guard node < unitCount, units[node] & 0x8000_00FF == UInt32(at[0]) else { break }
            let unit = units[node]
            node ^= Self.offset(unit)
            at += 1
            guard unit >> 8 & 1 == 1, node < unitCount else { continue }
            let start = Int(units[node] & 0x7FFF_FFFF)
            guard start < textCount else { continue }
            found = Match(length: at - p, text: text(start))
            if !longest { break }
        }
        return found
    }

    private func text(_ start: Int) -> UnsafeBufferPointer<UInt8> {
        var stop = start
        while texts[stop] != 0 { stop += 1 }
        return UnsafeBufferPointer(start: texts + start, count: stop - start)
    }

    /// Whether no replacement starts with this byte.
    func leaves(_ byte: UInt8) -> Bool {
        let node = Self.offset(units[0]) ^ Int(byte)
        return byte == 0 || node >= unitCount || units[node] & 0x8000_00FF != UInt32(byte)
    }

    /// The text as Hugging Face applies the table: to whole grapheme clusters of at most 5 bytes, of which the shortest beginning that
    /// has a replacement stands for all of it, and otherwise to single code points.
    func applied(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 16)
        for character in text {
            let bytes = Array(character.utf8)
            if bytes.count == 1, leaves(bytes[0]) {
                result.append(bytes[0])
                continue
            }
            bytes.withUnsafeBufferPointer { buffer in
                let start = buffer.baseAddress!, end = start + buffer.count
                if buffer.count < 6, let match = match(start, end, longest: false) {
                    result += match.text
                    return
                }
                var p = start
                while p < end {
                    let next = p + UTF8Scanning.scalar(p, end).length
                    if let match = match(p, next, longest: false) {
                        result += match.text
                    } else {
                        result += UnsafeBufferPointer(start: p, count: next - p)
                    }
                    p = next
                }
            }
        }
        return result
    }
}
