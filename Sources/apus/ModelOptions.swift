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
    @Option(name: .shortAndLong, help: Self.help) var model: String
    @OptionGroup var run: RunOptions

    static let help: ArgumentHelp = "A .gguf file, a folder in Hugging Face layout, or org/name from the cache."

    func source() throws -> ModelSource { try openSource(model) }

    func loadDecoder() throws -> LoadedDecoder { try run.load(source(), start: .now) }

    /// The tokenizer is read on a thread of its own meanwhile: it takes a third as long as the weights of a small model.
    func loadDecoderAndTokenizer() throws -> (LoadedDecoder, Tokenizer) {
        let start = ContinuousClock.now
        let source = try source(), group = DispatchGroup()
        let tokenizer = Mutex<Result<Tokenizer, InputError>?>(nil)
        DispatchQueue.global(qos: .userInitiated).async(group: group) {
            let result = Result { () throws(InputError) in try source.tokenizer() }
            tokenizer.withLock { $0 = result }
        }
        let loaded = Result { try run.load(source, start: start) }
        group.wait()
        return (try loaded.get(), try tokenizer.withLock { $0! }.get())
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

/// The model's files, checked; what is to be said about them goes to standard error.
func openSource(_ model: String) throws -> ModelSource {
    let source = try ModelSource(path: try Environment.modelPath(model))
    for note in source.notes { printError(note) }
    return source
}
