/// A parameter as optimizers see it.
package struct OptimizerSlice: Sendable, Equatable {
    package let name: String
    /// Of its first element among weights and gradients.
    package let offset: Int
    /// `[rows, columns]` or `[width]`.
    package let shape: [Int]
    /// Whether weight decay applies to it.
    package let decays: Bool
    /// Whether it is a matrix between layers, not one of an embedding or of the head.
    package let isHidden: Bool

    package init(name: String, offset: Int, shape: [Int], decays: Bool, isHidden: Bool) {
        self.name = name
        self.offset = offset
        self.shape = shape
        self.decays = decays
        self.isHidden = isHidden
    }

    package var count: Int { shape.reduce(1, *) }
    package var isMatrix: Bool { shape.count == 2 }
}
