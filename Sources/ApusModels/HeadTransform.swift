import ApusLayers
import ApusTensor

/// What residuals go through before the head (BERT): norm(activation(W x + b)).
struct HeadTransform: Sendable {
    let linear: Linear
    let activation: Activation
    let norm: Norm
}
