import ApusBase
import ApusTensor

extension Decoder {
    /// Reads the weights of a model.
    /// - Parameters:
    ///   - source: where they lie.
    ///   - backend: what they are packed for; all its threads take part.
    ///   - dtype: the type to keep matrices in (f32, bf16 or f16); nil keeps the file's.
    /// - Throws: an `InputError` when the file cannot be read, a value does not fit the type, or memory is short.
    public static func load(_ source: ModelSource, on backend: CPUBackend, dtype: DType? = nil) throws(InputError) -> Decoder {
        try ModelLoader(source: source, backend: backend, dtype: dtype).load()
    }
}
