/// What the process of a run takes whatever its shapes are, as measured with a model of next to no size.
enum ProcessMemory {
    /// Pages of the program and its libraries, and what they allocate to begin with.
    private static let programByteCount = 34 << 20
    /// Of a thread: the operands that it packs for products, and its blocks of attention.
    private static let threadByteCount = 512 << 10
    /// Texts on their way to ids, some megabytes at a time.
    private static let textByteCount = 16 << 20
    /// Of a token of a tokenizer's vocabulary, with its place in the tables and its merges.
    private static let tokenByteCount = 128

    /// Bytes.
    /// - Parameter vocabularySize: of the tokenizer; nil when no texts are read.
    static func byteCount(threads: Int, vocabularySize: Int?) -> Int {
        programByteCount + threads * threadByteCount + (vocabularySize.map { textByteCount + $0 * tokenByteCount } ?? 0)
    }
}
