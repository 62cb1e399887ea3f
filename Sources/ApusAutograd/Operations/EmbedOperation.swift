import ApusTensor

/// Rows of a matrix by their numbers.
final class EmbedOperation: Operation {
    private let ids: [Int32]
    private let matrix: PackedMatrix
    private let out: Rows
    private let weightGradient: Storage?

    init(_ tape: Tape, _ ids: [Int32], _ matrix: PackedMatrix, into out: Rows) {
        self.ids = ids
        self.matrix = matrix
        self.out = out
        weightGradient = tape.isRecording ? tape.claim(matrix.storage) : nil
        tape.contents.overwrite(out)
        tape.base.embed(ids, matrix, into: out)
    }

    func backward(_ tape: Tape) {
        if let weightGradient, let gradient = tape.gradient(out) {
            if tape.embeddingGradientScale != 1 { tape.base.scale(gradient, by: tape.embeddingGradientScale, adding: nil, into: gradient) }
            tape.prepareGradient(of: matrix.storage)
            tape.base.embedBackward(ids, gradient, to: weightGradient)
        }
        tape.finish(matrix.storage)
        tape.clear(out)
    }
}
