import ApusBase

/// Watches streamed text for stop strings, which may be spread over several pieces, and passes on what is safe to print.
///
/// The text ends before the stop string that is complete first (the longest, when several end at the same byte), and the
/// stop string itself is not passed on. How the text is cut into pieces makes no difference. Strings are compared by their
/// bytes in UTF-8. What might still become a stop string is held back; `finish` gives it out.
package struct StopMatcher: Sendable {
    /// The stop string that was found.
    package private(set) var matched: String?

    private var patterns: [Pattern]
    private var held: [UInt8] = []

    /// One stop string and how many of its bytes the text now ends with (Knuth, Morris, Pratt 1977).
    private struct Pattern: Sendable {
        let bytes: [UInt8]
        let borders: [Int]  // borders[n]: the longest proper prefix of the first n bytes that also ends them
        var progress = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            var borders = [0, 0]
            for end in bytes.indices.dropFirst() {
                var length = borders[end]
                while length > 0, bytes[end] != bytes[length] { length = borders[length] }
                borders.append(bytes[end] == bytes[length] ? length + 1 : 0)
            }
            self.borders = borders
        }

        /// Whether `byte` completes the string.
        mutating func advance(_ byte: UInt8) -> Bool {
            while progress > 0, bytes[progress] != byte { progress = borders[progress] }
            if bytes[progress] == byte { progress += 1 }
            return progress == bytes.count
        }
    }

    /// - Throws: an `InputError` when a stop string is empty.
    package init(_ stops: [String]) throws(InputError) {
        for (index, stop) in stops.enumerated() where stop.utf8.isEmpty {
            throw InputError("stop", at: "string \(index + 1)", "must not be empty", remedy: "leave it out")
        }
        patterns = stops.map { Pattern(Array($0.utf8)) }
    }

    /// Takes the next piece; gives the text that can no longer be part of a stop string. Empty once one was found.
    package mutating func push(_ piece: String) -> String {
        if patterns.isEmpty { return piece }
        if matched != nil { return "" }
        for byte in piece.utf8 {
            held.append(byte)
            var longest: Int?
            for index in patterns.indices where patterns[index].advance(byte) {
                if patterns[index].bytes.count > longest.map({ patterns[$0].bytes.count }) ?? 0 { longest = index }
            }
            guard let longest else { continue }
            let stop = patterns[longest].bytes
            matched = String(decoding: stop, as: UTF8.self)
            return release(held.count - stop.count, drop: stop.count)
        }
        return release(held.count - patterns.reduce(0) { max($0, $1.progress) }, drop: 0)
    }

    /// The end of the text: what was held back and did not become a stop string.
    package mutating func finish() -> String {
        matched == nil ? release(held.count, drop: 0) : ""
    }

    private mutating func release(_ count: Int, drop: Int) -> String {
        let text = String(decoding: held.prefix(count), as: UTF8.self)
        held.removeFirst(count + drop)
        return text
    }
}
