import ApusAutograd
import ApusLayers
import ApusTensor

extension Decoder {
    /// Cross-entropy of each token's target, of whole sequences whose rows follow one another. The decoder's backend is a tape.
    /// - Parameters:
    ///   - targets: a token a row; below 0 it does not count.
    ///   - options: its soft cap is the head's.
    package func losses(_ inputs: [SequenceInput], targets: [Int32], _ options: CrossEntropyOptions, workspace: Workspace) -> TokenLosses {
        var options = options
        options.softCap = description.head!.softCap
        return (backend as! Tape).crossEntropy(
            states(inputs, workspace: workspace), head: head.matrix, bias: head.bias, targets: targets, options)
    }
}
