import ApusBase

/// Tensors that go into one file of a checkpoint: the weights, or one kind of the optimizer's state.
package struct TensorGroup {
    /// `weights`, or what the optimizer calls its buffer, e.g. `optimizer.first_moment`: the file is `NAME.safetensors`.
    package let name: String
    package let tensors: [Tensor]

    /// One tensor where it lies: writing takes its bytes from there, without a copy.
    package struct Tensor {
        /// Canonical, e.g. `layers.3.attention.query.weight`.
        package let name: String
        package let shape: [Int]
        package let values: UnsafeBufferPointer<Float>

        /// - Precondition: there are as many values as the shape says.
        package init(_ name: String, shape: [Int], _ values: UnsafeBufferPointer<Float>) {
            precondition(shape.reduce(1, *) == values.count, "the values do not fill the shape")
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    package init(_ name: String, _ tensors: [Tensor]) {
        self.name = name
        self.tensors = tensors
    }
}
