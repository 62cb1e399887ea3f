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
    package let norm: Norm?
    private let description: DecoderDescription

    init(_ description: DecoderDescription, matrix: PackedMatrix, projection: Linear?, positions: PackedMatrix?, norm: Norm?) {
        self.description = description
        self.matrix = matrix
        self.projection = projection
        self.positions = positions
        self.norm = norm
    }

    /// - Parameter places: the position of each token, asked for when positions are part of the embedding.
    func callAsFunction(
        _ ids: [Int32], positions places: () -> [Int], into hidden: Rows, _ precision: ActivationPrecision, _ workspace: Workspace,
        _ backend: any Backend
    ) {
        let scale = description.embedding.scale
        if let projection {
            let narrow = workspace.rows(.branch, count: ids.count, width: matrix.columns)
            backend.embed(ids, matrix, into: narrow)
            backend.linear(narrow, [projection.product(into: hidden)], precision)
        } else {
            backend.embed(ids, matrix, into: hidden)
        }
        if scale != 1 { backend.scale(hidden, by: scale, adding: nil, into: hidden) }
        if let added = positionRows(places, hidden, workspace, backend) { backend.scale(hidden, by: 1, adding: added, into: hidden) }
        norm?(hidden, into: hidden, backend)
    }

    /// What positions add to the embedding.
    private func positionRows(_ places: () -> [Int], _ hidden: Rows, _ workspace: Workspace, _ backend: any Backend) -> Rows? {
        switch description.position {
        case .none, .rotary, .rotary2D, .alibi: return nil
        case .learned(let offset):
            let rows = workspace.rows(.normed, count: hidden.count, width: hidden.width)
            backend.embed(places().map { Int32($0 + offset) }, positions!, into: rows)
            return rows
        }
    }
}
