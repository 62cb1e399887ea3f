import ApusBase
import ApusCheckpoints

/// GGUF's key for pooling is llama.cpp's; for the rest it has none, so that there are keys of our own.
extension EmbeddingRecipe {
    /// llama.cpp's numbers of the ways to pool.
    private static let numbers: [Pooling: Int] = [.mean: 1, .cls: 2]
    private static let prefix = "apus.embedding."

    /// What a GGUF file says; nil: nothing. Without our keys vectors are brought to length 1, as llama.cpp's tools do.
    /// - Throws: an `InputError` for a way to pool that is not built here, and a value of the wrong type.
    init?(_ metadata: GGUFMetadata, path: String) throws(InputError) {
        let key = (try metadata.string("general.architecture") ?? "") + ".pooling_type"
        guard let number = try metadata.int(key), number != 0 else { return nil }
        guard let pooling = Self.numbers.first(where: { $0.value == number })?.key else {
            throw InputError(path, at: "metadata \(key)", "\(number) is not supported", remedy: "1, the mean, and 2, the first token, are")
        }
        let limit = try metadata.int(Self.prefix + "max_tokens")
        guard limit ?? 1 > 0 else { throw InputError(path, at: "metadata \(Self.prefix)max_tokens", "\(limit!) is not above 0") }
        self.init(
            pooling: pooling, normalizes: try metadata.bool(Self.prefix + "normalize") ?? true, maxTokens: limit,
            prompt: try metadata.string(Self.prefix + "prompt") ?? "")
    }

    /// Adds the keys for a file of the architecture.
    func write(to metadata: inout GGUFMetadata, architecture: String) {
        metadata.set(architecture + ".pooling_type", .integer(Self.numbers[pooling]!))
        metadata.set(Self.prefix + "normalize", .bool(normalizes))
        if let maxTokens { metadata.set(Self.prefix + "max_tokens", .integer(maxTokens)) }
        if !prompt.isEmpty { metadata.set(Self.prefix + "prompt", .string(prompt)) }
    }
}
