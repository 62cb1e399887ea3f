import ApusTensor

/// What the logits of a head lose against their targets.
package struct TokenLosses {
    /// Cross-entropy of each row, 0 where the target does not count; the z-loss is not among them.
    package var losses: [Float]
    /// log Z of each row.
    package var logSums: [Float]
}

extension Tape {
    private static let logitByteLimit = 64 << 20

    /// Room for logits, kept from pass to pass: new memory would have its pages cleared each time.
    private func logitStorage(byteCount: Int) -> Storage {
        if let logits, logits.byteCount >= byteCount { return logits }
        let storage = base.allocate(byteCount: byteCount, for: "logits")
        logits = storage
        return storage
    }

    /// Cross-entropy of states `[M, C]` · headᵀ (+ bias), some rows of logits at a time: `[M, V]` never exists whole. While recording,
    /// gradients of the head are added at once and those of the states wait for the backward pass.
    /// - Parameter targets: a token a row; below 0 it does not count.
    package func crossEntropy(_ states: Rows, head: PackedMatrix, bias: Storage?, targets: [Int32], _ options: CrossEntropyOptions) -> TokenLosses {
        precondition(targets.count == states.count)
        var result = TokenLosses(losses: Array(repeating: 0, count: states.count), logSums: Array(repeating: 0, count: states.count))
        let count = states.count, vocabulary = head.rows
        let parts = max(1, (count * vocabulary * 4 - 1) / Self.logitByteLimit + 1), step = max(16, ((count - 1) / parts / 16 + 1) * 16)
        let storage = logitStorage(byteCount: min(step, count) * vocabulary * 4)
        let gradients = isRecording ? mirror(states).target(states, base).rows : nil
        let weightGradient = isRecording ? claim(head.storage) : nil, biasGradient = isRecording ? claim(bias) : nil
        for first in stride(from: 0, to: count, by: step) {
            let range = first..<min(first + step, count), logits = Rows(storage, count: range.count, width: vocabulary)
            let mark = arena.current, x = Operand(copy(states.rows(range)))
            multiply(x, Operand(head), bias: bias, into: logits, adds: false)
            result.losses.withUnsafeMutableBufferPointer { losses in
                result.logSums.withUnsafeMutableBufferPointer { sums in
                    base.crossEntropy(
                        logits, targets: Array(targets[range]), options, losses: losses.baseAddress! + first, logSums: sums.baseAddress! + first)
                }
            }
            if let gradients {
                let dy = Operand(logits)
                if let weightGradient {
                    let out = Rows(weightGradient, count: vocabulary, width: head.columns)
                    multiply(dy.transposed, x.transposed, into: out, adds: addsToGradients(of: [head.storage]))
                }
                prepareGradient(of: bias)
                if let biasGradient { base.addColumnSums(logits, to: biasGradient) }
                multiply(dy, Operand(head).transposed, into: gradients.rows(range), adds: false)
            }
            arena.release(to: mark)
        }
        if isRecording {
            finish(head.storage)
            finish(bias)
        }
        return result
    }
}
