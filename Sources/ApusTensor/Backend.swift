import CApusKernels

/// One product of a shared input: out = input · matrixᵀ (+ bias), or added to what `out` holds.
package struct Product {
    package var matrix: PackedMatrix
    /// f32, `[matrix.rows]`.
    package var bias: Storage?
    package var out: Rows
    package var adds: Bool

    package init(_ matrix: PackedMatrix, bias: Storage? = nil, out: Rows, adds: Bool = false) {
        self.matrix = matrix
        self.bias = bias
        self.out = out
        self.adds = adds
    }
}

/// How finely activations are rounded before they meet quantised weights, a scale for 32 values. f32 weights meet them as they are.
package enum ActivationPrecision: Sendable {
    /// 8 bits: the fastest where many rows keep the processor busy. Beside f16 and bf16 weights, where that is faster than products of f32,
    /// 14 bits, to which the weights are rounded too: finer than f16 for the greatest of the 32.
    case coarse
    /// 16 bits where weights have fewer than 8: no worse than weights in f32, and as fast for a few rows, which wait for memory. f16 weights meet
    /// activations as they are; so do bf16 ones, unless the processor multiplies bf16 by bf16.
    case fine
}

package enum Activation: String, CaseIterable, Sendable { case silu, geluTanh, geluErf, relu }

/// The keys and values of one layer of one sequence, in the backend's own layout.
package struct LayerCache: Sendable {
    package let keys: Storage
    package let values: Storage
    /// Positions it has room for, a multiple of 64.
    package let capacity: Int

    package init(keys: Storage, values: Storage, capacity: Int) {
        self.keys = keys
        self.values = values
        self.capacity = capacity
    }
}

/// New tokens of one sequence: rows `rows` of the batch, at positions from `position` on.
package struct Segment: Sendable {
    package var rows: Range<Int>
    package var position: Int
    /// Positions at the start of the sequence that see each other in both directions, where a layer has such a mask. The keys of
    /// all of them are in the cache or among the new ones.
    package var prefix: Int

    package init(rows: Range<Int>, position: Int, prefix: Int = 0) {
        self.rows = rows
        self.position = position
        self.prefix = prefix
    }
}

/// The shape of an attention layer.
package struct AttentionShape: Sendable, Equatable {
    package var heads: Int
    package var kvHeads: Int
    package var headSize: Int
    /// Factor of the scores, 1/√D as a rule.
    package var scale: Float
    /// Positions a query may see, its own included; nil: all before it.
    package var window: Int?
    /// Whether the positions of a segment's prefix see each other in both directions.
    package var seesPrefix: Bool
    /// c: scaled scores become c · tanh(score / c).
    package var softCap: Float?
    /// Element type of the cache: f32, f16 or bf16.
    package var cacheType: DType
    /// In training, the chance of each weight that scores become to be left out (`Dropout`).
    package var dropout: Float

    package init(
        heads: Int, kvHeads: Int, headSize: Int, scale: Float, window: Int?, seesPrefix: Bool = false, softCap: Float? = nil, cacheType: DType,
        dropout: Float = 0
    ) {
        self.heads = heads
        self.kvHeads = kvHeads
        self.headSize = headSize
        self.scale = scale
        self.window = window
        self.seesPrefix = seesPrefix
        self.softCap = softCap
        self.cacheType = cacheType
        self.dropout = dropout
    }
}

/// What is added to the scores of each head by where query and key stand.
package enum ScoreBias: Sendable {
    /// ALiBi (Press et al. 2022), f32 `[heads]`: slope · (key's position - query's) is added to scaled scores; or, `inBF16`, slope · key's
    /// position, both and the product rounded to bf16, is added before they are scaled.
    case slopes(Storage, inBF16: Bool)
    /// A number for each difference of key's position and query's, held between `-reach` and `reach`, is added to scaled scores:
    /// f32, where `place` says.
    case distances(Storage, reach: Int)

    /// Asks for the number of each head and difference; nil without memory.
    package static func makeDistances(
        heads: Int, reach: Int, on backend: any Backend, _ value: (_ head: Int, _ distance: Int) -> Float
    ) -> ScoreBias? {
        guard let storage = backend.allocate(byteCount: distanceByteCount(heads: heads, reach: reach)) else { return nil }
        let bias = ScoreBias.distances(storage, reach: reach)
        bias.fillDistances(heads: heads, value)
        return bias
    }

    /// Writes the numbers of `makeDistances` anew.
    package func fillDistances(heads: Int, _ value: (_ head: Int, _ distance: Int) -> Float) {
        guard case .distances(let storage, let reach) = self else { preconditionFailure("no numbers by distance") }
        // The kernels read 16 at a time: the outermost are repeated.
        let furthest = reach + Int(APUS_DISTANCE_MARGIN)
        for head in 0..<heads {
            for distance in -furthest...furthest {
                storage.floats[Self.place(head: head, distance: distance, reach: reach)] = value(head, min(max(distance, -reach), reach))
            }
        }
    }

    /// Where the number of a head and a difference stands in `distances`.
    package static func place(head: Int, distance: Int, reach: Int) -> Int { Int(apus_distance_place(Int64(reach), Int64(head), Int64(distance))) }

    static func distanceByteCount(heads: Int, reach: Int) -> Int { heads * Int(apus_distance_width(Int64(reach))) * 4 }
}

/// The operations that a decoder needs of a device. Calls are queued in order and may return before they are done; results are
/// read after `synchronize()`. Activations are f32.
package protocol Backend: AnyObject, Sendable {
    /// Whether attention over a cache of bf16 multiplies it as such, at a higher rate than f32.
    var attendsInBF16: Bool { get }

    /// Zeroed memory; traps the need for a nil check into an error at the caller's.
    func allocate(byteCount: Int) -> Storage?
    /// Waits until all that was queued is done.
    func synchronize()

    /// Products of one input `[M, K]` with several matrices `[N, K]`.
    func linear(_ input: Rows, _ products: [Product], _ precision: ActivationPrecision)
    /// Rows `ids` of the matrix, in f32.
    func embed(_ ids: [Int32], _ matrix: PackedMatrix, into out: Rows)
    /// RMSNorm (Zhang & Sennrich 2019) of each row; `weight` is f32 `[width]`.
    func rmsNorm(_ input: Rows, weight: Storage, epsilon: Float, into out: Rows)
    /// LayerNorm (Ba et al. 2016) of each row; `weight` and `bias` are f32 `[width]`.
    func layerNorm(_ input: Rows, weight: Storage, bias: Storage?, epsilon: Float, into out: Rows)
    /// out = activation(gate) · up (Shazeer 2020).
    func gated(_ activation: Activation, gate: Rows, up: Rows, into out: Rows)
    /// out = activation(x).
    func plain(_ activation: Activation, _ x: Rows, into out: Rows)
    /// out = factor · x (+ other).
    func scale(_ x: Rows, by factor: Float, adding other: Rows?, into out: Rows)
    /// out = cap · tanh(x / cap).
    func softCap(_ x: Rows, cap: Float, into out: Rows)
    /// Rotates, in place, `2 · cosines.width` elements, from `first` on, of each head; cosines and sines are `[M, pairs]`.
    func rotary(_ x: Rows, headSize: Int, first: Int, cosines: Rows, sines: Rows, interleaved: Bool)

    /// Room for `positions` positions of one sequence in one layer, nil without memory.
    func makeCache(_ shape: AttentionShape, positions: Int) -> LayerCache?
    /// Copies keys and values of `positions` from one cache to another of the same shape and capacity, and perhaps of up to 15
    /// positions before and after them.
    func copyCache(_ shape: AttentionShape, from source: LayerCache, to target: LayerCache, positions: Range<Int>)
    /// Stores keys and values of the new tokens and attends: queries and out `[M, H·D]`, keys and values `[M, K·D]`.
    /// `segments` and `caches` go together, one a sequence.
    func attend(
        _ shape: AttentionShape, queries: Rows, keys: Rows, values: Rows, segments: [Segment], caches: [LayerCache],
        bias: ScoreBias?, into out: Rows)
    /// Stores keys and values `[M, K·D]` of positions that no query attends to yet.
    func store(_ shape: AttentionShape, keys: Rows, values: Rows, segments: [Segment], caches: [LayerCache])
    /// `attend` where the keys and values of the segments' own positions are stored already.
    func attendStored(
        _ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], bias: ScoreBias?, into out: Rows)
    /// Attends to the prefix of each segment's cache, all of which is stored already, wherever the queries stand: queries and out `[M, H·D]`.
    func attendAcross(_ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], into out: Rows)
}
