import ApusTensor

/// out = input · Wᵀ (+ b), for weights that share the input.
final class LinearOperation: Operation {
    private let input: Rows
    private let kept: Kept?
    private let products: [Product]
    private let joined: [TrainedProduct]

    init(_ tape: Tape, _ input: Rows, _ products: [Product]) {
        self.input = input
        self.products = products
        let recording = tape.isRecording
        kept = recording ? tape.keep(input) : nil
        joined = TrainedProduct.joined(
            products.map {
                TrainedProduct(
                    $0, weightGradient: recording ? tape.claim($0.matrix.storage) : nil, biasGradient: recording ? tape.claim($0.bias) : nil)
            })
        var x = Operand(input)
        if case .rows(let rows) = kept { x = Operand(rows) }
        for joined in joined {
            let product = joined.product
            tape.contents.overwrite(product.out)
            tape.multiply(x, Operand(product.matrix), bias: product.bias, into: product.out, adds: product.adds)
        }
    }

    func backward(_ tape: Tape) {
        let x = Operand(kept!.rows(tape)).transposed
        for joined in joined {
            let product = joined.product, matrix = product.matrix
            guard let gradient = tape.gradient(product.out) else { continue }
            let dy = Operand(gradient)
            if let out = joined.weightGradient {
                let rows = Rows(out, count: matrix.rows, width: matrix.columns)
                tape.multiply(dy.transposed, x, into: rows, adds: tape.addsToGradients(of: joined.weights))
            }
            for bias in joined.biases { tape.prepareGradient(of: bias) }
            if let out = joined.biasGradient { tape.base.addColumnSums(gradient, to: out) }
            let (target, adds) = tape.mirror(input).target(input, tape.base)
            tape.multiply(dy, Operand(matrix).transposed, into: target, adds: adds)
        }
        for product in products {
            tape.finish(product.matrix.storage)
            tape.finish(product.bias)
            if !product.adds { tape.clear(product.out) }
        }
    }
}
