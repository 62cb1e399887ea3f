import ApusTensor

/// A product with weights that are being trained, or several whose weights lie one after the other and whose results lie side by side: one
/// product of more columns.
struct TrainedProduct {
    private(set) var product: Product
    private(set) var weightGradient: Storage?
    private(set) var biasGradient: Storage?
    /// What it is joined of.
    private(set) var weights: [Storage]
    private(set) var biases: [Storage]

    init(_ product: Product, weightGradient: Storage?, biasGradient: Storage?) {
        self.product = product
        self.weightGradient = weightGradient
        self.biasGradient = biasGradient
        weights = [product.matrix.storage]
        biases = product.bias.map { [$0] } ?? []
    }

    /// As few as can be.
    static func joined(_ products: [TrainedProduct]) -> [TrainedProduct] {
        var list: [TrainedProduct] = []
        for product in products {
            if let last = list.last, let both = last.joined(with: product) { list[list.count - 1] = both } else { list.append(product) }
        }
        return list
    }

    private func joined(with next: TrainedProduct) -> TrainedProduct? {
        let a = product, b = next.product
        guard a.adds == b.adds, a.out.storage === b.out.storage, a.out.stride == b.out.stride, a.out.offset + a.out.width == b.out.offset,
            let matrices = a.matrix.storage.joined(with: b.matrix.storage),
            let bias = Self.joined(a.bias, b.bias), let weightGradient = Self.joined(weightGradient, next.weightGradient),
            let biasGradient = Self.joined(biasGradient, next.biasGradient)
        else { return nil }
        let matrix = PackedMatrix(trained: matrices, rows: a.matrix.rows + b.matrix.rows, columns: a.matrix.columns)
        let out = Rows(a.out.storage, offset: a.out.offset, count: a.out.count, width: a.out.width + b.out.width, stride: a.out.stride)
        var both = TrainedProduct(
            Product(matrix, bias: bias, out: out, adds: a.adds), weightGradient: weightGradient, biasGradient: biasGradient)
        (both.weights, both.biases) = (weights + next.weights, biases + next.biases)
        return both
    }

    /// Both or none: nil where they do not go together.
    private static func joined(_ a: Storage?, _ b: Storage?) -> Storage?? {
        guard let a, let b else { return a == nil && b == nil ? .some(nil) : nil }
        return a.joined(with: b).map { .some($0) }
    }
}
