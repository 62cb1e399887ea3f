import ApusModels

/// A row of tokens, and what is to be predicted of it. It is at most as long as the window, and not padded.
package struct TrainingSequence: Sendable, Equatable {
    /// Tokens that see each other, and no token of another document.
    package struct Document: Sendable, Equatable {
        /// Its tokens in the row; positions begin at 0 with the first.
        package var rows: Range<Int>
        /// How many tokens at its beginning see each other in both directions, where the model's mask lets them.
        package var prefix: Int

        package init(rows: Range<Int>, prefix: Int = 0) { (self.rows, self.prefix) = (rows, prefix) }
    }

    /// What the encoder of an encoder-decoder reads: document d of the row attends to document d of it.
    package struct Encoder: Sendable, Equatable {
        package var inputs: [Int32] = []
        package var documents: [Range<Int>] = []
    }

    package var inputs: [Int32] = []
    /// The id to predict at each token; −1: none, which does not count.
    package var targets: [Int32] = []
    /// One after the other; together they are the row.
    package var documents: [Document] = []
    /// Nil where positions are places in the document.
    package var channels: PositionChannels?
    package var encoder: Encoder?

    package init() {}

    package var countedTokens: Int { targets.count { $0 >= 0 } }
}
