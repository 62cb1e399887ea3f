import ApusBase
import ApusHub
import ArgumentParser
import Dispatch
import Synchronization

struct PullVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Fetch a model into the Hugging Face cache.",
        discussion: """
            By default the files that running the model takes: configuration, tokenizer and safetensors, or the .gguf file where there are no \
            safetensors, or pytorch_model*.bin where there is neither. Where a pull was stopped, the next one goes on. The cache is shared with huggingface_hub: HF_HOME and HF_HUB_CACHE say \
            where it lies, HF_ENDPOINT where models are fetched from, HF_TOKEN who asks; HF_HUB_OFFLINE forbids it.
            """)

    @Argument(help: "org/name") var repository: String
    @Option(name: .long, help: "A branch, tag or commit.") var revision = "main"
    @Option(name: .long, parsing: .unconditionalSingleValue, help: "Fetch the files that match, for example \"*Q4_K_M.gguf\"; may be given more than once.")
    var include: [String] = []
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard RepositoryID(repository) != nil else { throw ValidationError("\"\(repository)\" is no repository: org/name is needed") }
    }

    func run() throws {
        let hub = Hub(try Environment.hub()), id = RepositoryID(repository)!, revision = revision, include = include
        let bar = ProgressBar()
        let snapshot = try Interrupts.gracefully {
            try finish { try await hub.pull(id, revision: revision, include: include) { bar.show($0.byteCount, of: $0.totalByteCount, $0.file) } }
        }
        bar.finish()
        output.text(snapshot.path)
        output.json([
            "path": .string(snapshot.path), "commit": .string(snapshot.commit), "files": .array(snapshot.files.map { .string($0) }),
            "bytes": .integer(snapshot.byteCount), "fetched_bytes": .integer(snapshot.fetchedByteCount),
        ])
    }

    /// Waits for asynchronous work, which a signal cancels.
    private func finish<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
        let done = DispatchSemaphore(value: 0), outcome = Outcome<Value>()
        let task = Task {
            do { outcome.set(.success(try await work())) } catch { outcome.set(.failure(error)) }
            done.signal()
        }
        while done.wait(timeout: .now() + .milliseconds(100)) == .timedOut {
            if Interrupts.pending != nil { task.cancel() }
        }
        do {
            return try outcome.get()
        } catch is CancellationError {
            try Interrupts.check()
            throw CancellationError()
        }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        private let result = Mutex<Result<Value, any Error>?>(nil)

        func set(_ value: Result<Value, any Error>) { result.withLock { $0 = value } }
        func get() throws -> Value { try result.withLock { $0 }!.get() }
    }
}
