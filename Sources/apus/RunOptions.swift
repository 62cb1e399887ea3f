import ApusModels
import ApusTensor
import ArgumentParser

/// How a model is run.
struct RunOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.")
    var threads: Int?
    @Option(name: .long, help: "Type to keep matrices in; native is the file's.")
    var dtype = WeightType.native
    @Option(
        name: .long, help: "Type of keys and values in the cache; by default that of dense weights or what suits quantised ones, f32 in score and perplexity.")
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

    /// Of the verbs that measure a model, where exactness counts more than speed.
    var measuringCacheType: DType { kvDtype?.type ?? .f32 }

    func load(_ source: ModelSource, start: ContinuousClock.Instant) throws -> LoadedDecoder {
        let backend = try makeBackend()
        let decoder = try Decoder.load(source, on: backend, dtype: weightType())
        return LoadedDecoder(source: source, decoder: decoder, backend: backend, seconds: start.duration(to: .now).seconds)
    }
}
