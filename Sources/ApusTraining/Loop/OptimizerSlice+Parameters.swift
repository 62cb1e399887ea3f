import ApusDescription
import ApusLayers

extension OptimizerSlice {
    /// A model's parameters as optimizers see them: matrices decay, and with `decayAll` vectors as well.
    static func all(of description: DecoderDescription, decayAll: Bool) -> [OptimizerSlice] {
        ParameterStore.entries(of: description).map { entry in
            OptimizerSlice(
                name: entry.name, offset: entry.offset, shape: entry.shape, decays: decayAll || entry.isMatrix,
                isHidden: entry.isMatrix && entry.name.contains("layers."))
        }
    }
}
