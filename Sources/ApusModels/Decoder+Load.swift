import ApusBase
import ApusTensor

extension Decoder {
    /// Reads the weights of a model.
    /// - Parameter dtype: the type to keep matrices in (f32, bf16 or f16); nil keeps the file's.
    public static func load(_ source: ModelSource, on backend: CPUBackend, dtype: DType? = nil) throws(InputError) -> Decoder {
        try ModelLoader(source: source, backend: backend, dtype: dtype).load()
    }
}
