import ApusAutograd
import ApusDescription
import ApusLayers
import ApusTensor

/// From token ids to the first residual.
package final class TokenEmbedding: Sendable {
    /// `[V, E]`
    package let matrix: PackedMatrix
    /// To the model's width, where E is not that.
    package let projection: Linear?
    /// Learned positions `[positions + offset, C]`.
    package let positions: PackedMatrix?
    /// Types of text `[types, C]`, where they are told apart.
    package let tokenTypes: PackedMatrix?
    package let norm: Norm?
    /// Computed positions.
    private let sinusoids: SinusoidalTable?
    /// In training, the chance of each element of the sum to be left out.
    private let dropout: Float
    private let description: DecoderDescription

    init(
        _ description: DecoderDescription, matrix: PackedMatrix, projection: Linear?, positions: PackedMatrix?, tokenTypes: PackedMatrix?,
        norm: Norm?, dropout: Float
    ) {
        self.description = description
        if case .sinusoidal = description.position { sinusoids = SinusoidalTable(width: description.width) } else { sinusoids = nil }
        self.matrix = matrix
        self.projection = projection
        self.positions = positions
        self.tokenTypes = tokenTypes
        self.norm = norm
        self.dropout = dropout
    }

    /// The first residual `[M, C]` of all new tokens.
    func callAsFunction(
        _ inputs: [SequenceInput], _ precision: ActivationPrecision, _ workspace: Workspace, _ backend: any Backend
    ) -> Rows {
        let ids = inputs.flatMap(\.ids), scale = description.embedding.scale
        let hidden = workspace.rows(.hidden, count: ids.count, width: description.width)
        if let projection {
            let narrow = workspace.rows(.branch, count: ids.count, width: matrix.columns)
            backend.embed(ids, matrix, into: narrow)
            backend.linear(narrow, [projection.product(into: hidden)], precision)
        } else {
            backend.embed(ids, matrix, into: hidden)
        }
        if scale != 1 { backend.scale(hidden, by: scale, adding: nil, into: hidden) }
        func add(_ rows: [Int32], of table: PackedMatrix) {
            let added = workspace.rows(.normed, count: hidden.count, width: hidden.width)
            backend.embed(rows, table, into: added)
            backend.scale(hidden, by: 1, adding: added, into: hidden)
        }
        if let tokenTypes { add(Array(repeating: 0, count: ids.count), of: tokenTypes) }
        switch description.position {
        case .none, .rotary, .rotary2D, .alibi, .relative: break
        case .learned(let offset): add(inputs.flatMap { $0.positions.map { Int32($0 + offset) } }, of: positions!)
        case .sinusoidal(let offset):
            let added = workspace.rows(.normed, count: hidden.count, width: hidden.width)
            sinusoids!.fill(added, positions: inputs.lazy.flatMap { $0.positions.lazy.map { $0 + offset } })
            backend.scale(hidden, by: 1, adding: added, into: hidden)
        }
        norm?(hidden, into: hidden, backend)
        if dropout > 0 { backend.drop(hidden, rate: dropout, inputs.segments) }
        return hidden
    }
}
