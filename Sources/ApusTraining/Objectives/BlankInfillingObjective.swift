import ApusModels
import Glibc

/// Spans of a text become blanks, and are then written one after the other in any order (GLM, Du et al. 2022).
///
/// The text with its blanks, part A, sees itself in both directions; the spans, part B, see it and what stands before them. Positions have
/// two channels: the place in the text, which is the blank's for all of a span, and the place within the span.
struct BlankInfillingObjective: Sendable {
    /// Spans with lengths by Poisson's law as in the paper, or one that is all behind a drawn place of the first half.
    enum Blanks: Sendable {
        case spans(rate: Double, meanLength: Double)
        case rest
    }

    let blanks: Blanks
    let mask: Int32
    let start: Int32
    let end: Int32

    func example(_ ids: ArraySlice<Int32>, room: Int, random: inout RandomStream) -> ObjectiveExample? {
        switch blanks {
        case .rest: rest(Array(ids.prefix(room - 1)), &random)
        case .spans(let rate, let mean): spans(Array(ids.prefix(max(room - 2, 0))), room, rate, mean, &random)
        }
    }

    /// The text says itself where it ends: by its last token, or not when it goes on in another sequence.
    private func rest(_ text: [Int32], _ random: inout RandomStream) -> ObjectiveExample? {
        guard text.count >= 1 else { return nil }
        let first = random.below(text.count / 2 + 1), written = text[first...]
        var example = ObjectiveExample(inputs: text[..<first] + [mask, start] + written.dropLast(), prefix: first + 1)
        example.targets = [Int32](repeating: -1, count: first + 1) + written
        let answer = (0..<written.count).map { Int32($0 + 1) }
        example.channels = PositionChannels(
            text: (0...first).map(Int32.init) + answer.map { _ in Int32(first) }, answer: [Int32](repeating: 0, count: first + 1) + answer)
        return example
    }

    private func spans(_ text: [Int32], _ room: Int, _ rate: Double, _ mean: Double, _ random: inout RandomStream) -> ObjectiveExample? {
        guard text.count >= 2 else { return nil }
        let ranges = Self.ranges(of: text.count, limit: (room - text.count) / 2, rate, mean, &random)
        var example = ObjectiveExample(), channels = PositionChannels(), blanks: [(place: Int, range: Range<Int>)] = [], next = 0
        for range in ranges {
            example.inputs += text[next..<range.lowerBound]
            blanks.append((example.inputs.count, range))
            example.inputs.append(mask)
            next = range.upperBound
        }
        example.inputs += text[next...]
        example.prefix = example.inputs.count
        example.targets = [Int32](repeating: -1, count: example.prefix)
        channels.text = (0..<example.prefix).map(Int32.init)
        channels.answer = [Int32](repeating: 0, count: example.prefix)
        random.shuffle(&blanks)
        for (place, range) in blanks {
            example.inputs += [start] + text[range]
            example.targets += text[range] + [end]
            channels.text += [Int32](repeating: Int32(place), count: range.count + 1)
            channels.answer += (0...range.count).map { Int32($0 + 1) }
        }
        example.channels = channels
        return example
    }

    /// Spans of a text that do not touch, at most `limit` of them, until they have the wanted share of it.
    static func ranges(of count: Int, limit: Int, _ rate: Double, _ mean: Double, _ random: inout RandomStream) -> [Range<Int>] {
        let wanted = min(max(Int((Double(count) * rate).rounded()), 1), count - 1)
        var lengths: [Int] = [], hidden = 0
        while hidden < wanted, lengths.count < limit, count - wanted >= lengths.count {
            lengths.append(min(max(random.poisson(mean), 1), wanted - hidden))
            hidden += lengths.last!
        }
        // The order of drawing is not that of the text: the last span is short more often than others.
        random.shuffle(&lengths)
        var ranges: [Range<Int>] = [], before = 0
        for (gap, length) in zip(random.distinct(lengths.count, below: count - hidden + 1), lengths) {
            ranges.append(gap + before..<gap + before + length)
            before += length
        }
        return ranges
    }
}
