import ApusBase
import ApusInference
import ApusModels
import ApusTensor
import ArgumentParser
import Glibc

/// The options of every verb that runs a model.
struct ModelOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "A .gguf file, a folder in Hugging Face layout, or org/name from the cache.")
    var model: String
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.")
    var threads: Int?
    @Option(name: .long, help: "Type to keep matrices in: f32, bf16, f16 or native (as in the file).")
    var dtype = "native"
    @Option(name: .long, help: "Type of keys and values in the cache: f16 or f32.")
    var kvDtype: String?

    func makeBackend() throws -> CPUBackend {
        let count = threads ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
        guard (1...256).contains(count) else { throw InputError("--threads", "\(count) is not from 1 to 256") }
        let set = try Environment.instructionSet()
        guard let backend = CPUBackend(threads: count, instructionSet: set) else {
            throw InputError("the processor", "\(count) threads could not be started")
        }
        return backend
    }

    func weightType() throws -> DType? {
        switch dtype {
        case "native": return nil
        case "f32": return .f32
        case "bf16": return .bf16
        case "f16": return .f16
        default: throw InputError("--dtype", "\(dtype) is not known", remedy: "use f32, bf16, f16 or native")
        }
    }

    /// f32 beside f32 weights, else f16, unless it is said.
    func cacheType() throws -> DType {
        switch kvDtype {
        case nil: return dtype == "f32" ? .f32 : .f16
        case "f32"?: return .f32
        case "f16"?: return .f16
        case let other?: throw InputError("--kv-dtype", "\(other) is not known", remedy: "use f16 or f32")
        }
    }

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
    }

    func loadDecoder() throws -> Loaded {
        let start = ContinuousClock.now
        let backend = try makeBackend(), source = try source()
        let decoder = try Decoder.load(source, on: backend, dtype: try weightType())
        return Loaded(source: source, decoder: decoder, backend: backend, seconds: start.duration(to: .now).seconds)
    }
}
