import ApusTensor

/// New tokens of one sequence on their way through a model.
package struct SequenceInput {
    package var ids: [Int32]
    /// Of the first of them.
    package var position: Int
    package var cache: KeyValueCache
    /// The encoded text that the decoder attends to, if it does.
    package var memory: EncoderMemory?
    /// Positions of the whole prompt these tokens belong to: it sets the base of dynamic NTK.
    package var sequenceLength: Int
    /// What the sequence has before the start of the answer, all of it in an encoder; it is in the cache or among `ids`.
    package var infilling: InfillingContext
    /// Positions of `ids` where several blanks are filled; nil: those that `infilling` gives.
    package var channels: PositionChannels?
    /// Which tokens logits are wanted of.
    package var logits: Range<Int>

    package init(
        ids: [Int32], position: Int, cache: KeyValueCache, memory: EncoderMemory? = nil, sequenceLength: Int? = nil,
        infilling: InfillingContext = .none, channels: PositionChannels? = nil, logits: Range<Int>
    ) {
        self.ids = ids
        self.position = position
        self.cache = cache
        self.memory = memory
        self.sequenceLength = sequenceLength ?? position + ids.count
        self.infilling = infilling
        self.channels = channels
        self.logits = logits
    }

    var positions: Range<Int> { position..<position + ids.count }

    /// The position in a channel of the token at `index` of the sequence.
    func position(_ index: Int, _ channel: PositionChannel) -> Int {
        guard let channels else { return infilling.position(index, channel) }
        switch channel {
        case .index: return index
        case .text: return Int(channels.text[index - position])
        case .answer: return Int(channels.answer[index - position])
        }
    }
}

extension [SequenceInput] {
    /// The tokens alone whose logits are wanted.
    var wanted: [SequenceInput] {
        filter { !$0.logits.isEmpty }.map { input in
            var part = input
            part.ids = [Int32](input.ids[input.logits])
            part.position += input.logits.lowerBound
            part.channels = input.channels.map { $0[input.logits] }
            part.logits = 0..<part.ids.count
            return part
        }
    }

    /// The rows that each has in the batch.
    var segments: [Segment] {
        var segments: [Segment] = []
        for input in self {
            let first = segments.last?.rows.upperBound ?? 0
            segments.append(Segment(rows: first..<first + input.ids.count, position: input.position, prefix: input.infilling.length))
        }
        return segments
    }
}
