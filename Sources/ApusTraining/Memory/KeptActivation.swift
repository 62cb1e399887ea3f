import ApusDescription

/// One thing that the forward pass keeps of a block for the backward pass, a row a token.
///
/// The table below is all that the plan knows of the tape: whatever an operation keeps more or less has its row here.
struct KeptActivation: Sendable {
    let name: String
    /// Elements a token.
    let width: @Sendable (LayerDescription, _ modelWidth: Int) -> Int
    /// Always f32, whatever the type of compute.
    var isF32 = false
    /// Kept with `selective` as well; what is not is made again in the backward pass.
    var isKeptBySelective = true
    /// What a norm made and blocks begin with: rounded types keep it as it is, though `selective` could make it again.
    var isKeptWhereRounded = false

    /// Elements: C of the model, H·D of queries, K·D of keys and values, F of the feed-forward network.
    static let ofBlock: [KeptActivation] = [
        KeptActivation(name: "input", width: { layer, c in layer.endsWithNorm ? 0 : c }),
        KeptActivation(
            name: "input that a norm made", width: { layer, c in layer.endsWithNorm ? c : 0 }, isKeptBySelective: false, isKeptWhereRounded: true),
        KeptActivation(name: "normed input", width: { layer, c in layer.normedInputs.first * c }, isKeptBySelective: false),
        KeptActivation(name: "queries, keys, values", width: { layer, _ in (layer.attention.heads + 2 * layer.attention.kvHeads) * layer.attention.headSize }),
        KeptActivation(
            name: "queries and keys before their norms",
            width: { layer, _ in layer.attention.queryKeyNorm == nil ? 0 : (layer.attention.heads + layer.attention.kvHeads) * layer.attention.headSize }),
        KeptActivation(name: "attended", width: { layer, _ in layer.attention.heads * layer.attention.headSize }),
        KeptActivation(name: "log-sum-exp of the scores", width: { layer, _ in layer.attention.heads }, isF32: true),
        KeptActivation(name: "between the sublayers", width: { layer, c in layer.residualsBetween * c }),
        KeptActivation(name: "normed between the sublayers", width: { layer, c in layer.normedInputs.second * c }, isKeptBySelective: false),
        KeptActivation(name: "before attending across", width: { layer, c in layer.crossAttention == nil ? 0 : c }),
        KeptActivation(name: "normed before attending across", width: { layer, c in layer.crossAttention == nil ? 0 : c }, isKeptBySelective: false),
        KeptActivation(name: "queries across", width: { layer, _ in layer.crossAttention.map { $0.heads * $0.headSize } ?? 0 }),
        KeptActivation(name: "attended across", width: { layer, _ in layer.crossAttention.map { $0.heads * $0.headSize } ?? 0 }),
        KeptActivation(name: "log-sum-exp of the scores across", width: { layer, _ in layer.crossAttention?.heads ?? 0 }, isF32: true),
        KeptActivation(name: "gate and up", width: { layer, _ in (layer.feedForward.kind == .gated ? 2 : 1) * layer.feedForward.width }),
        KeptActivation(name: "activated", width: { layer, _ in layer.feedForward.width }, isKeptBySelective: false),
    ]
}

extension LayerDescription {
    /// Whether the block's result is that of a norm.
    var endsWithNorm: Bool {
        switch topology {
        case .sequential(.post), .sequential(.deepNorm): true
        default: false
        }
    }

    /// Rows of C that norms give and products read, of the first and of the second sublayer.
    fileprivate var normedInputs: (first: Int, second: Int) {
        switch topology {
        case .sequential(.pre), .sequential(.normedResidual), .sequential(.sandwich): (1, 1)
        // The norm of the first sum is what the second sublayer reads; that of the second is the next block's input.
        case .sequential(.post), .sequential(.deepNorm): (0, 1)
        case .parallel(let norms): (1, norms == .two ? 1 : 0)
        }
    }

    /// Rows of C besides the input that norms read.
    fileprivate var residualsBetween: Int {
        switch topology {
        case .sequential(.pre), .sequential(.normedResidual): 1
        case .sequential(.post), .sequential(.deepNorm): 2
        case .sequential(.sandwich): 3
        case .parallel: 0
        }
    }
}
