import ApusBase
import ApusTraining
import Glibc

/// Saves checkpoints of a made-up run in a process of its own, which tests kill, take the disk from, and set against another.
@main struct CheckpointProbe {
    static func main() {
        let arguments = CommandLine.arguments
        _ = parent
        do throws(InputError) {
            switch arguments[1] {
            case "run": try run(arguments[2])
            case "hold": try hold(arguments[2])
            case "limits": try failAtEveryByte(arguments[2])
            case "fill": try fill(arguments[2])
            case "nobody":
                setuid(65534)
                _ = try CheckpointStore(directory: arguments[2], keep: 1)
            default: exit(2)
            }
        } catch {
            say("\(error)")
            exit(1)
        }
    }

    /// Prints a line at once, whatever the output is.
    private static func say(_ line: String) {
        var text = line + "\n"
        text.withUTF8 { _ = write(1, $0.baseAddress, $0.count) }
    }

    /// Whether whoever started this still runs: a test that was killed must not leave one that writes for ever.
    private static var hasParent: Bool { getppid() == parent }
    private static let parent = getppid()

    /// Continues from the newest checkpoint and saves step after step until it is killed.
    static func run(_ directory: String) throws(InputError) {
        let store = try CheckpointStore(directory: directory, keep: 2)
        var step = store.newestValid().checkpoint?.state.step ?? 0
        while hasParent {
            step += 1
            try SampleRun().save(step, to: store)
            say("saved \(step)")
            // The same step again now and then, as at the end of a run.
            if step % 5 == 0 { try SampleRun().save(step, to: store) }
        }
    }

    /// Keeps the directory until it is killed.
    static func hold(_ directory: String) throws(InputError) {
        let store = try CheckpointStore(directory: directory, keep: 2)
        say("held \(store.steps.count)")
        while hasParent { usleep(100_000) }
    }

    /// Saves with files limited to every length, from none to enough for all.
    static func failAtEveryByte(_ directory: String) throws(InputError) {
        signal(SIGXFSZ, SIG_IGN)
        let samples = [
            SampleRun(elements: 100), SampleRun(elements: 5, noteByteCount: 900),
            SampleRun(elements: 5, optimizerBuffers: (0..<12).map { "optimizer.buffer_\($0)" }),
        ]
        for (number, sample) in samples.enumerated() {
            let store = try CheckpointStore(directory: directory + "/\(number)", keep: 1)
            try sample.save(1, to: store)
            var limit = 0
            while !saves(sample, store, fileByteCount: limit) { limit += 1 }
            say("whole at \(limit)")
        }
    }

    /// Whether the second checkpoint is written with files of so many bytes at most.
    private static func saves(_ sample: SampleRun, _ store: CheckpointStore, fileByteCount limit: Int) -> Bool {
        setLimit(UInt(limit))
        var failure: InputError?
        do throws(InputError) { try sample.save(2, to: store) } catch { failure = error }
        setLimit(.max)
        expect(store, sample, newest: failure == nil ? 2 : 1, "with files of \(limit) bytes: \(failure?.description ?? "saved")")
        return failure == nil
    }

    private static func setLimit(_ byteCount: UInt) {
        var limit = rlimit(rlim_cur: byteCount, rlim_max: .max)
        guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { fatalError("setrlimit: \(errno)") }  // RLIMIT_FSIZE
    }

    /// Saves on a small disk until it is full.
    static func fill(_ directory: String) throws(InputError) {
        let store = try CheckpointStore(directory: directory, keep: 1)
        var saved = 0
        do throws(InputError) {
            for step in 1...3 {
                try SampleRun().save(step, to: store)
                saved = step
            }
        } catch {
            say("\(error)")
        }
        expect(store, SampleRun(), newest: saved, "on a full disk")
        say("kept \(saved)")
    }

    private static func expect(_ store: CheckpointStore, _ sample: SampleRun, newest: Int, _ occasion: String) {
        let found = store.newestValid()
        var faults = found.skipped.map(\.description)
        if (found.checkpoint?.state.step ?? 0) != newest { faults.append("the newest is \(found.checkpoint?.state.step ?? 0), not \(newest)") }
        do throws(InputError) {
            if let checkpoint = found.checkpoint, let fault = try sample.fault(in: checkpoint) { faults.append(fault) }
        } catch { faults.append(error.description) }
        faults += fileNames(inFolder: store.directory).filter { $0.hasSuffix(".partial") }.map { "\($0) was left" }
        if !faults.isEmpty {
            say("FAULT \(occasion): \(faults.joined(separator: "; "))")
            exit(1)
        }
    }
}
