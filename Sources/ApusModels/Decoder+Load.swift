import ApusBase
import ApusTensor

extension Decoder {
    /// Reads the weights of a model.
    /// - Parameters:
    ///   - source: where they lie.
    ///   - backend: what they are packed for; all its threads take part.
    ///   - dtype: the type to keep matrices in (f32, bf16 or f16); nil keeps the file's.
    /// - Throws: an `InputError` when the model is an encoder, the file cannot be read, a value does not fit the type, or memory is short.
    public static func load(_ source: ModelSource, on backend: CPUBackend, dtype: DType? = nil) throws(InputError) -> Decoder {
        guard source.description.head != nil else {
            throw InputError(
                source.path, "\(source.description.architecture) is an encoder: it gives vectors and predicts no text", remedy: "use `apus embed`")
        }
        return try ModelLoader(source: source, backend: backend, dtype: dtype).load().decoder()
    }
}

extension Encoder {
    /// Reads the weights of a model.
    /// - Parameters:
    ///   - source: where they lie.
    ///   - backend: what they are packed for; all its threads take part.
    ///   - dtype: the type to keep matrices in (f32, bf16 or f16); nil keeps the file's.
    /// - Throws: an `InputError` when the model has no encoder, the file cannot be read, a value does not fit the type, or memory is short.
    public static func load(_ source: ModelSource, on backend: CPUBackend, dtype: DType? = nil) throws(InputError) -> Encoder {
        let loader = ModelLoader(source: source, backend: backend, dtype: dtype)
        if source.description.encoder != nil { return try loader.load().ownEncoder()! }
        guard source.description.head == nil else {
            throw InputError(
                source.path, "\(source.description.architecture) is a decoder, of which no embeddings are made", remedy: "give an encoder such as BERT")
        }
        return try loader.load().encoder()
    }
}
