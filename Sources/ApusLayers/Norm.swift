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

    /// The norm of each head of `size` elements in a row, in place: a call a row or a call a head, whichever are fewer.
    package func onHeads(_ x: Rows, size: Int, _ backend: any Backend) {
        let heads = x.width / size
        if x.count < heads {
            for row in 0..<x.count {
                let parts = x.parts(of: row, width: size)
                self(parts, into: parts, backend)
            }
        } else {
            for head in 0..<heads {
                let part = x.columns(head * size..<(head + 1) * size)
                self(part, into: part, backend)
            }
        }
    }
}
