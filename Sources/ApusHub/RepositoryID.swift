import ApusBase

/// A model repository's name, `org/name`.
package struct RepositoryID: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    /// Nil unless the text is two names of letters, digits, `-`, `_` and `.`, which start and end with none of `-` and `.`
    /// and hold neither `--` nor `..`, as `huggingface_hub` asks for.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 96 else { return nil }
        for part in parts {
            guard !part.isEmpty, part.utf8.allSatisfy(Self.isAllowed), !part.contains("--"), !part.contains("..") else { return nil }
            guard !"-.".contains(part.first!), !"-.".contains(part.last!) else { return nil }
        }
        description = text
    }

    /// The folder of the cache that holds the repository.
    var folderName: String { "models--" + description.split(separator: "/").joined(separator: "--") }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// Whether a path from outside stays inside the folder it is put in.
func isInnerPath(_ path: String) -> Bool {
    guard !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }), path.utf8.count < 4096 else { return false }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count < 256 }
}

/// Whether a text is this many hexadecimal digits in lower case.
func isHexadecimal(_ text: String, count: Int) -> Bool {
    text.utf8.count == count
        && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
}
