import ApusTensor

/// RMSNorm (Zhang & Sennrich 2019) or LayerNorm (Ba et al. 2016).
package final class Norm: Sendable {
    package enum Kind: Sendable { case rms, layer }

    package let kind: Kind
    package let epsilon: Float
    /// f32 `[width]`: the factor itself, an offset included.
    package let weight: Storage
    /// f32 `[width]`.
    package let bias: Storage?

    package init(_ kind: Kind, epsilon: Float, weight: Storage, bias: Storage? = nil) {
        self.kind = kind
        self.epsilon = epsilon
        self.weight = weight
        self.bias = bias
    }

    package func callAsFunction(_ input: Rows, into out: Rows, _ backend: any Backend) {
        switch kind {
        case .rms: backend.rmsNorm(input, weight: weight, epsilon: epsilon, into: out)
        case .layer: backend.layerNorm(input, weight: weight, bias: bias, epsilon: epsilon, into: out)
        }
    }

    /// The norm of each head of `size` elements in a row, in place.
    package func onHeads(_ x: Rows, size: Int, _ backend: any Backend) {
        for first in stride(from: 0, to: x.width, by: size) {
            let head = x.columns(first..<first + size)
            self(head, into: head, backend)
        }
    }
}
