/// Spans of a text become sentinels; what is predicted are the sentinels, each followed by its span (T5, Raffel et al. 2020).
///
/// An encoder reads the text and the decoder predicts the spans; a decoder on its own reads the text as a prefix. Lengths are those of
/// `random_spans_noise_mask` in the authors' code.
struct SpanCorruptionObjective: Sendable {
    /// How many tokens a text leaves out, and in how many spans.
    struct Noise: Equatable {
        var tokens: Int
        var spans: Int
    }

    let rate: Double
    let meanSpanLength: Double
    /// The first span's; each further one's is below.
    let firstSentinel: Int32
    let end: Int32
    /// The decoder's first token where there is an encoder.
    let decoderStart: Int32?

    func noise(of length: Int) -> Noise {
        let tokens = min(max(Int((Double(length) * rate).rounded(.toNearestOrEven)), 1), length - 1)
        let spans = max(Int((Double(tokens) / meanSpanLength).rounded(.toNearestOrEven)), 1)
        return Noise(tokens: tokens, spans: min(spans, length - tokens))
    }

    /// Tokens that the encoder and the decoder get of a text; without an encoder all are the decoder's.
    func lengths(of length: Int) -> (encoder: Int, decoder: Int) {
        let noise = noise(of: length)
        guard decoderStart != nil else { return (0, length + 2 * noise.spans) }
        return (length - noise.tokens + noise.spans + 1, noise.tokens + noise.spans + 1)
    }

    /// The longest text that fits; nil when none does.
    func longestText(room: Int, upTo limit: Int = .max) -> Int? {
        var length = min(2 * room, limit)
        while length >= 2 {
            let (encoder, decoder) = lengths(of: length)
            if encoder <= room, decoder <= room { return length }
            length -= 1
        }
        return nil
    }

    func example(_ ids: ArraySlice<Int32>, room: Int, random: inout RandomStream) -> ObjectiveExample? {
        guard let length = longestText(room: room, upTo: ids.count) else { return nil }
        let text = Array(ids.prefix(length)), isNoise = noiseMask(length, &random)
        var kept: [Int32] = [], hidden: [Int32] = [], sentinel = firstSentinel
        for place in text.indices {
            if isNoise[place] {
                if place == 0 || !isNoise[place - 1] {
                    kept.append(sentinel)
                    hidden.append(sentinel)
                    sentinel -= 1
                }
                hidden.append(text[place])
            } else {
                kept.append(text[place])
            }
        }
        hidden.append(end)
        if let decoderStart {
            return ObjectiveExample(inputs: [decoderStart] + hidden.dropLast(), targets: hidden, encoder: kept + [end])
        }
        return ObjectiveExample(
            inputs: kept + hidden.dropLast(), targets: [Int32](repeating: -1, count: kept.count - 1) + hidden, prefix: kept.count)
    }

    /// Spans that are kept and spans that are left out in turn, a kept one first.
    func noiseMask(_ length: Int, _ random: inout RandomStream) -> [Bool] {
        let noise = noise(of: length)
        let hidden = Self.segments(noise.tokens, noise.spans, &random), kept = Self.segments(length - noise.tokens, noise.spans, &random)
        return zip(kept, hidden).flatMap { [Bool](repeating: false, count: $0) + [Bool](repeating: true, count: $1) }
    }

    /// Parts a number into as many of at least 1, each way with the same chance.
    static func segments(_ count: Int, _ parts: Int, _ random: inout RandomStream) -> [Int] {
        let cuts = [0] + random.distinct(parts - 1, below: count - 1).map { $0 + 1 } + [count]
        return zip(cuts.dropFirst(), cuts).map { $0 - $1 }
    }
}
