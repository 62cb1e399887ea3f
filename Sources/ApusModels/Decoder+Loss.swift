import ApusAutograd
import ApusBase
import ApusLayers
import ApusTensor

extension Decoder {
    /// Cross-entropy of each token's target, of whole sequences whose rows follow one another. The decoder's backend is a tape.
    /// - Parameters:
    ///   - texts: what an encoder reads, one for each of the sequences; none without an encoder.
    ///   - targets: a token a row; below 0 it does not count.
    ///   - options: its soft cap is the head's.
    /// - Throws: an `InputError` for a text that the encoder cannot read, and without memory.
    package func losses(
        _ inputs: [SequenceInput], texts: [[Int32]] = [], targets: [Int32], _ options: CrossEntropyOptions, workspace: Workspace
    ) throws(InputError) -> TokenLosses {
        var options = options, inputs = inputs
        options.softCap = description.head!.softCap
        if encoder != nil {
            let memories = try EncoderMemory.all(self, encoding: texts, cacheType: .f32, workspace: workspace)
            for (index, memory) in memories.enumerated() { inputs[index].memory = memory }
        }
        return (backend as! Tape).crossEntropy(
            states(inputs, workspace: workspace), head: head.matrix, bias: head.bias, targets: targets, options)
    }
}
