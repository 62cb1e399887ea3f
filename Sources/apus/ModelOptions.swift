import ApusBase
import ApusInference
import ApusModels
import ApusTensor
import ApusTokenizers
import ArgumentParser
import Dispatch
import Glibc
import Synchronization

/// The options of every verb that runs a model.
struct ModelOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "A .gguf file, a folder in Hugging Face layout, or org/name from the cache.")
    var model: String
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.")
    var threads: Int?
    @Option(name: .long, help: "Type to keep matrices in; native is the file's.")
    var dtype = WeightType.native
    @Option(name: .long, help: "Type of keys and values in the cache; by default that of dense weights, or what suits quantised ones.")
    var kvDtype: CacheType?

    enum WeightType: String, ExpressibleByArgument, CaseIterable { case native, f32, bf16, f16 }
    enum CacheType: String, ExpressibleByArgument, CaseIterable {
        case f16, bf16, f32

        var type: DType {
            switch self {
            case .f32: .f32
            case .f16: .f16
            case .bf16: .bf16
            }
        }
    }

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads: \(threads) is not from 1 to 256") }
    }

    func makeBackend() throws -> CPUBackend { try apus.makeBackend(threads: threads) }

    func weightType() -> DType? {
        switch dtype {
        case .native: nil
        case .f32: .f32
        case .bf16: .bf16
        case .f16: .f16
        }
    }

    func cacheType(for decoder: Decoder) -> DType { kvDtype?.type ?? decoder.preferredCacheType }

    func source() throws -> ModelSource {
        let source = try ModelSource(path: try Environment.modelPath(model))
        for note in source.notes { printError(note) }
        return source
    }

    struct Loaded {
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

    func loadDecoder() throws -> Loaded { try load(source(), start: .now) }

    /// The tokenizer is read on a thread of its own meanwhile: it takes a third as long as the weights of a small model.
    func loadDecoderAndTokenizer() throws -> (Loaded, Tokenizer) {
        let start = ContinuousClock.now
        let source = try source(), group = DispatchGroup()
        let tokenizer = Mutex<Result<Tokenizer, InputError>?>(nil)
        DispatchQueue.global(qos: .userInitiated).async(group: group) {
            let result = Result { () throws(InputError) in try source.tokenizer() }
            tokenizer.withLock { $0 = result }
        }
        let loaded = Result { try load(source, start: start) }
        group.wait()
        return (try loaded.get(), try tokenizer.withLock { $0! }.get())
    }

    private func load(_ source: ModelSource, start: ContinuousClock.Instant) throws -> Loaded {
        let backend = try makeBackend()
        let decoder = try Decoder.load(source, on: backend, dtype: weightType())
        return Loaded(source: source, decoder: decoder, backend: backend, seconds: start.duration(to: .now).seconds)
    }
}

/// The processor with as many threads as asked for, or as there are processors.
func makeBackend(threads: Int?) throws -> CPUBackend {
    let count = threads ?? min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), 256)
    let set = try Environment.instructionSet()
    guard let backend = CPUBackend(threads: count, instructionSet: set) else {
        throw InputError("the processor", "\(count) threads could not be started")
    }
    return backend
}
