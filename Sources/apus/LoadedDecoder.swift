import ApusModels
import ApusTensor

/// A decoder that is ready to run, and where it came from.
struct LoadedDecoder {
    let source: ModelSource
    let decoder: Decoder
    let backend: CPUBackend
    let seconds: Double

    /// Positions to make room for: as many as the user wants, otherwise at most those the model was made for.
    func room(_ context: Int?, atMost limit: Int) -> Int {
        let made = decoder.description.contextLength
        guard let context else { return min(made, limit) }
        if context > made { printError("\(source.path): the model was made for \(made) tokens; a context of \(context) may give poor text") }
        return context
    }
}
