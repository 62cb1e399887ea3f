import ApusBase
import ApusLayers
import ApusModels
import ApusTensor
import ApusTokenizers
import Glibc

/// Makes a vector of each text by an encoder (Reimers & Gurevych 2019). A text's vector does not depend on the texts beside it.
public struct TextEmbedder {
    /// What makes vectors of tokens.
    public let encoder: Encoder
    /// What makes tokens of texts.
    public let tokenizer: Tokenizer
    /// How a text's vector is made of its tokens'.
    public let recipe: EmbeddingRecipe
    /// Texts so far whose end was left out.
    public private(set) var cutCount = 0
    private let cacheType: DType
    private let workspace: Workspace

    /// Tokens of short texts that run together; more gain little.
    static let batchSize = 512

    /// Reads nothing yet.
    /// - Parameters:
    ///   - encoder: what makes vectors of tokens.
    ///   - tokenizer: the model's own.
    ///   - recipe: how a text's vector is made of its tokens'.
    ///   - cacheType: of keys and values while a layer runs: f32, f16 or bf16.
    public init(_ encoder: Encoder, tokenizer: Tokenizer, recipe: EmbeddingRecipe, cacheType: DType) {
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.cacheType = cacheType
        workspace = Workspace(encoder.backend)
    }

    /// The vectors of the texts, in their order.
    /// - Parameter texts: any texts; the end of one that is too long is left out.
    /// - Throws: an `InputError` for a text that the tokenizer makes no tokens of, an id outside the model's vocabulary, and without memory.
    public mutating func embed(_ texts: [String]) throws(InputError) -> [[Float]] {
        var vectors: [[Float]] = [], batch: [[Int32]] = [], size = 0
        for (index, text) in texts.enumerated() {
            let (ids, isCut) = tokenizer.encode(recipe.prompt + text, atMost: limit)
            guard !ids.isEmpty else { throw InputError("text \(index + 1)", "is empty", remedy: "give a text of at least one token") }
            if isCut { cutCount += 1 }
            if size > 0, size + ids.count > Self.batchSize {
                vectors += try embed(batch)
                (batch, size) = ([], 0)
            }
            batch.append(ids)
            size += ids.count
        }
        if !batch.isEmpty { vectors += try embed(batch) }
        return vectors
    }

    /// Tokens of the longest text.
    private var limit: Int { min(recipe.maxTokens ?? .max, encoder.description.positionLimit ?? .max) }

    /// The vectors of texts that run together.
    package func embed(_ batch: [[Int32]]) throws(InputError) -> [[Float]] {
        let rows = try encoder.encode(batch, cacheType: cacheType, workspace: workspace)
        encoder.backend.synchronize()
        var first = 0
        return batch.map { ids in
            defer { first += ids.count }
            let vector = pooled(rows.rows(first..<first + ids.count))
            let length = recipe.normalizes ? sqrt(vector.reduce(0) { $0 + $1 * $1 }) : 1
            return vector.map { Float($0 / max(length, 1e-12)) }
        }
    }

    private func pooled(_ rows: Rows) -> [Double] {
        switch recipe.pooling {
        case .cls: return rows[0].map(Double.init)
        case .mean:
            var sum = [Double](repeating: 0, count: rows.width)
            for row in 0..<rows.count { for (column, x) in rows[row].enumerated() { sum[column] += Double(x) } }
            return sum.map { $0 / Double(rows.count) }
        }
    }
}
