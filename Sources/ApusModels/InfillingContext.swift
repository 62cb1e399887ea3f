import ApusDescription

/// The part of a sequence before the start of an answer, which sees itself in both directions (GLM, Du et al. 2022).
package struct InfillingContext: Sendable, Equatable {
    /// Tokens before the start token.
    package var length: Int
    /// Where the blank stands that is filled.
    package var blank: Int

    package static let none = InfillingContext(length: 0, blank: 0)

    package init(length: Int, blank: Int) {
        self.length = length
        self.blank = blank
    }

    /// The context of a sequence that begins with `ids`; none without a start token. Without a blank, the answer continues the text.
    /// - Parameter length: where the answer starts; nil: at the start token.
    package init(of ids: some Collection<Int32>, _ tokens: InfillingTokens, length: Int? = nil) {
        guard let length = length ?? ids.enumerated().first(where: { Int($0.element) == tokens.start })?.offset else {
            self = .none
            return
        }
        self.length = length
        let places = tokens.masks.lazy.compactMap { mask in ids.enumerated().first { Int($0.element) == mask }?.offset }
        blank = places.first ?? max(length - 1, 0)
    }

    /// The position of the token at `index` in a channel.
    func position(_ index: Int, _ channel: PositionChannel) -> Int {
        switch channel {
        case .index: index
        case .text: index < length ? index : blank
        case .answer: index < length ? 0 : index - length + 1
        }
    }
}

/// Two positions for each token (GLM, Du et al. 2022): in the text, where a blank's tokens have the blank's, and within the blank, from 1;
/// 0 outside of blanks.
package struct PositionChannels: Sendable, Equatable {
    package var text: [Int32] = []
    package var answer: [Int32] = []

    package init() {}

    package init(text: [Int32], answer: [Int32]) {
        self.text = text
        self.answer = answer
    }

    /// Those of some of the tokens.
    package subscript(range: Range<Int>) -> PositionChannels { PositionChannels(text: Array(text[range]), answer: Array(answer[range])) }
}

/// What counts as a token's position.
enum PositionChannel: Sendable {
    /// Its place in the sequence.
    case index
    /// Its place in the text; in an answer, that of the blank.
    case text
    /// Its place in the answer, from 1; 0 before.
    case answer
}
