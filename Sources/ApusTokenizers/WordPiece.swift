import ApusBase

/// WordPiece (Schuster and Nakajima 2012; Devlin et al. 2019): the longest token first, those inside a word with a prefix.
struct WordPiece: Sendable {
    /// Tokens that start a word, and those that go on, without the prefix.
    let starts: TokenTrie
    let continuations: TokenTrie
    let unknown: UInt32
    /// Longer words are unknown.
    let mostCharacters: Int
    /// What tokens that go on begin with.
    let continuationPrefix: [UInt8]

    /// Of a word, as Hugging Face's tokenizers of BERT have it.
    static let usualMostCharacters = 100

    /// - Parameters:
    ///   - startPrefix: what tokens that start a word begin with ("▁" in GGUF files), and
    ///   - continuationPrefix: those that go on with ("##").
    init(
        vocabulary: Vocabulary, startPrefix: String = "", continuationPrefix: String = "##", unknown: Int?,
        mostCharacters: Int = usualMostCharacters, subject: String
    ) throws(InputError) {
        guard let unknown else { throw InputError(subject, "a WordPiece vocabulary must name its unknown token") }
        self.unknown = UInt32(unknown)
        self.mostCharacters = mostCharacters
        starts = TokenTrie(expectedByteCount: vocabulary.byteCount)
        continuations = TokenTrie(expectedByteCount: vocabulary.byteCount)
        let (start, further) = (Array(startPrefix.utf8), Array(continuationPrefix.utf8))
        self.continuationPrefix = further
        // Where starts are marked, user-defined tokens are no parts of words.
        for id in 0..<vocabulary.count where vocabulary.isText(id) && (start.isEmpty || vocabulary.kinds[id] != .userDefined) {
            let text = vocabulary.text(id)
            if text.starts(with: start), text.count > start.count {
                try starts.insert(UnsafeBufferPointer(rebasing: text[start.count...]), id, subject: subject)
            }
            if text.starts(with: further), text.count > further.count {
                try continuations.insert(UnsafeBufferPointer(rebasing: text[further.count...]), id, subject: subject)
            }
        }
    }
}

/// The scratch memory of `WordPiece`.
final class WordPieceWords: WordModel {
    static var fusesUnknown: Bool { false }
    var fusedToken: Int32 { -1 }
    private let model: WordPiece
    @exclusivity(unchecked) private(set) var tokens: UnsafeMutablePointer<UInt32>
    @exclusivity(unchecked) private var capacity = 256

    init(_ model: WordPiece) {
        self.model = model
        tokens = .allocate(capacity: capacity)
    }

    deinit { tokens.deallocate() }

    @inline(__always)
    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> { end }

    @inline(never)
    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        if count > capacity {
            tokens.deallocate()
            capacity = count
            tokens = .allocate(capacity: capacity)
        }
        tokens[0] = model.unknown
        if count > model.mostCharacters, characterCount(p, count) > model.mostCharacters { return 1 }
        var length = 0
        var at = 0
        while at < count {
            let trie = at == 0 ? model.starts : model.continuations
            var node = TokenTrie.root
            var end = at
            var longest: (id: Int32, end: Int) = (-1, at)
            while end < count {
                node = trie.step(node, p[end])
                if node == TokenTrie.nowhere { break }
                end += 1
                let id = trie.id(at: node)
                if id >= 0 { longest = (id, end) }
            }
            guard longest.id >= 0 else {
                tokens[0] = model.unknown
                return 1
            }
            tokens[length] = UInt32(longest.id)
            length += 1
            at = longest.end
        }
        return length
    }

    private func characterCount(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 + (p[$1] & 0xC0 != 0x80 ? 1 : 0) }
    }
}
