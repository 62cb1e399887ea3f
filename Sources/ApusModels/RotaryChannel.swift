import ApusDescription
import ApusLayers

/// A way to turn, and the position by which it turns.
struct RotaryChannel: Sendable {
    let table: RotaryTable
    let channel: PositionChannel

    init(_ key: Key) {
        table = RotaryTable(key.rotary)
        channel = key.channel
    }

    /// What tells one from another.
    struct Key: Equatable {
        let rotary: RotaryDescription
        let channel: PositionChannel
    }
}

extension DecoderDescription {
    /// All ways to turn that the layers have, each once.
    var rotaryChannels: [RotaryChannel.Key] {
        layers.reduce(into: []) { list, layer in
            for key in rotaryChannels(of: layer) where !list.contains(key) { list.append(key) }
        }
    }

    /// Those of a layer.
    func rotaryChannels(of layer: LayerDescription) -> [RotaryChannel.Key] {
        switch position(of: layer) {
        case .none, .learned, .sinusoidal, .alibi, .relative: []
        case .rotary(let rotary): [RotaryChannel.Key(rotary: rotary, channel: .index)]
        case .rotary2D(let rotary): [.text, .answer].map { RotaryChannel.Key(rotary: rotary, channel: $0) }
        }
    }
}
